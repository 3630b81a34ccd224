/** Everything that knows DNS: the Corefile, and what else components share. */
export * from './corefile/corefile.ts';
