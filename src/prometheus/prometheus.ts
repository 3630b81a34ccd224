export * from './config/config.ts';
export * from './discovery/discovery.ts';
export * from './exposition/exposition.ts';
export * from './exposition/write.ts';
export * from './relabel/relabel.ts';
export * from './remote_write/remote_write.ts';
export * from './scrape/scrape.ts';
