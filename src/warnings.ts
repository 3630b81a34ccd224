/**
 * Whether a warning of Node's is news for the user. That we use node:ffi is our decision; and that a signal has a listener for
 * each of many requests is no leak, which Node 20 takes it for.
 */
export function isNews(warning: Error & { readonly target?: unknown }): boolean {
  const { name, target } = warning;
  return name !== 'ExperimentalWarning' && !(name === 'MaxListenersExceededWarning' && target instanceof AbortSignal);
}
