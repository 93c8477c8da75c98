// `ralloc/test`: for the tests of programs that use ralloc, with any runner.

export interface NoLeaksOptions {
  /**
   * Milliseconds to wait for responses that are ending when `fn` is over, and for what their ends free. Waits only if something is left.
   * @default 100
   */
  waitMs?: number | undefined;
}

/**
 * Calls `fn` with debug mode at `full`, and resolves to its result. Rejects with `ERR_RALLOC_MISUSE` if misuse was reported meanwhile, or if `fn` left a Buffer of a slab or region, a
 * hold, an arena, a slab or a region behind. It sees the whole thread, so other code that runs at the time counts too, such as a server that `fn` makes requests to. Calls
 * wait for each other.
 *
 * Errors of `fn` are passed on. If misuse was reported by then, it is the `cause` of that error, unless the error has one.
 * @throws ERR_RALLOC_INVALID_ARGUMENT: `fn` is no function, or an option is of the wrong name, type or value.
 * @throws ERR_RALLOC_UNSUPPORTED: the call is within the `fn` of another.
 */
export function noLeaks<Result>(
  fn: () => Result | PromiseLike<Result>,
  options?: NoLeaksOptions,
): Promise<Awaited<Result>>;
