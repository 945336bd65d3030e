-- Sends ready-made requests in turn and tells the result as one line of JSON.
-- wrk ... -s replay.lua URL -- FILE, where FILE holds whole HTTP requests, each ended by a NUL byte.

local requests, at = {}, 0

function init(args)
  local file = assert(io.open(args[1], "rb"))
  for raw in file:read("*a"):gmatch("(%Z+)%z") do
    requests[#requests + 1] = raw
  end
  file:close()
end

function request()
  at = at % #requests + 1
  return requests[at]
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    '\nRESULT {"requests": %d, "seconds": %.6f, "refused": %d, "failed": %d, "p50_ms": %.3f, "p99_ms": %.3f}\n',
    summary.requests, summary.duration / 1e6, errors.status,
    errors.connect + errors.read + errors.write + errors.timeout,
    latency:percentile(50) / 1000, latency:percentile(99) / 1000))
end
