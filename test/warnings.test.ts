import { expect } from 'chai';
import { isNews } from '../src/warnings.ts';

const warning = (name: string, target?: unknown) => Object.assign(new Error('Possible leak'), { name, target });

describe('warnings of Node', () => {
  it('are news, but for what it calls experimental', () => {
    expect(isNews(warning('DeprecationWarning'))).to.equal(true);
    expect(isNews(warning('ExperimentalWarning'))).to.equal(false);
  });

  it('of many listeners are news, but for those of a signal', () => {
    expect(isNews(warning('MaxListenersExceededWarning', process))).to.equal(true);
    expect(isNews(warning('MaxListenersExceededWarning', new AbortController().signal))).to.equal(false);
  });
});
