export * from './exposition/exposition.ts';
export * from './relabel/relabel.ts';
export * from './remote_write/remote_write.ts';
