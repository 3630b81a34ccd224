/** Network namespaces: which there are, and sockets in them. */
export * from './namespaces.ts';
export * from './sockets.ts';
