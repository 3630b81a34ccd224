/** OpenMetrics' unit words as UCUM, which OTLP wants (OpenTelemetry's Prometheus compatibility specification). */
const UCUM: Readonly<Record<string, string>> = {
  days: 'd',
  hours: 'h',
  minutes: 'min',
  seconds: 's',
  milliseconds: 'ms',
  microseconds: 'us',
  nanoseconds: 'ns',
  bytes: 'By',
  kibibytes: 'KiBy',
  mebibytes: 'MiBy',
  gibibytes: 'GiBy',
  tebibytes: 'TiBy',
  kilobytes: 'KBy',
  megabytes: 'MBy',
  gigabytes: 'GBy',
  terabytes: 'TBy',
  meters: 'm',
  volts: 'V',
  amperes: 'A',
  joules: 'J',
  watts: 'W',
  grams: 'g',
  celsius: 'Cel',
  hertz: 'Hz',
  ratio: '1',
  percent: '%',
};
const PER: Readonly<Record<string, string>> = {
  second: 's',
  minute: 'min',
  hour: 'h',
  day: 'd',
  week: 'wk',
  month: 'mo',
  year: 'a',
};

/** `bytes_per_second` is `By/s`; a word that is not known stays as it is. */
export function ucum(unit: string): string {
  const [counted = '', per] = unit.split('_per_');
  const top = Object.hasOwn(UCUM, counted) ? UCUM[counted]! : counted;
  if (per === undefined) return top;
  return `${top}/${Object.hasOwn(PER, per) ? PER[per]! : per}`;
}
