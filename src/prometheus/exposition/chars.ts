/** Classes of bytes, to be combined: what names may hold. */
export const START = 1;
export const DIGIT = 2;
export const COLON = 4;

/** The class of each byte. */
export const CLASS = new Uint8Array(256);
for (let c = 97; c <= 122; c++) CLASS[c] = CLASS[c - 32] = START;
for (let c = 48; c <= 57; c++) CLASS[c] = DIGIT;
CLASS[95] = START;
CLASS[58] = COLON;

export const TAB = 9;
export const LF = 10;
export const SPACE = 32;
export const QUOTE = 34;
export const HASH = 35;
export const PLUS = 43;
export const COMMA = 44;
export const MINUS = 45;
export const EQUALS = 61;
export const BACKSLASH = 92;
export const OPEN = 123;
export const CLOSE = 125;
