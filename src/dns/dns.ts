/** Everything that knows DNS: the Corefile, and what else components share. */
export * from './answers.ts';
export * from './ask.ts';
export * from './chaos.ts';
export * from './corefile/corefile.ts';
export * from './data.ts';
export * from './exchange.ts';
export * from './message.ts';
export * from './name.ts';
export * from './resolv-conf.ts';
export * from './sockets.ts';
export * from './stub.ts';
export * from './tcp.ts';
export * from './types.ts';
export * from './udp.ts';
