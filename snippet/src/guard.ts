/** Run, and answer nothing instead of throwing: the page never pays for our mistake. */
export const guard =
  <A extends unknown[], R>(work: (...args: A) => R) =>
  (...args: A): R | undefined => {
    try {
      return work(...args);
    } catch (_) {}
  };
