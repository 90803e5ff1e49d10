/**
 * CSV records (RFC 4180): text by commas and quotes, as it comes. LF or CRLF; an empty line is no record.
 *
 * A record that cannot be read ends with its first line, and the next line is read as the next: one stray quote costs one line.
 *
 * @module
 */

/** Longer than any row; what is longer is a fault, and is not kept. Characters of a record, bytes of a line. */
export const RECORD_LENGTH_MAX = 1024 * 1024;

export interface CsvRecord {
  /** The line of the file it begins on, from 1. */
  line: number;
  /** Null: `fault` says why. */
  fields: readonly string[] | null;
  fault: string | null;
  /** No line break follows: it is the file's last, or what is left of it. */
  isOpen: boolean;
}

/** Reads records, as many at a time as a chunk brings. */
export async function* csvRecords(chunks: AsyncIterable<Buffer>): AsyncGenerator<readonly CsvRecord[]> {
  const lines = new CsvLines();
  for await (const chunk of chunks) {
    const records = lines.push(chunk);
    if (records.length > 0) yield records;
  }
  const last = lines.end();
  if (last.length > 0) yield last;
}

const LF = 0x0a;
const NUL = '\0';
const REPLACEMENT = '\ufffd';
const TOO_LONG = 'it is longer than 1 MB';

class CsvLines {
  /** Bytes of a line that has not ended. */
  private parts: Buffer[] = [];
  private partsLength = 0;
  /** The line that has not ended is too long: what comes of it is dropped. */
  private isDropping = false;
  /** Whole lines of a record that has not ended. */
  private text = '';
  private line = 1;

  push(chunk: Buffer): CsvRecord[] {
    const records: CsvRecord[] = [];
    const firstBreak = chunk.indexOf(LF);
    if (firstBreak === -1) {
      this.keep(chunk, records);
      return records;
    }
    const lastBreak = chunk.lastIndexOf(LF);
    if (this.isDropping) {
      this.isDropping = false;
      records.push({ line: this.line++, fields: null, fault: TOO_LONG, isOpen: false });
      this.read(chunk.toString('utf8', firstBreak + 1, lastBreak + 1), records);
    } else {
      this.parts.push(chunk.subarray(0, lastBreak + 1));
      const whole = this.parts.length === 1 ? this.parts[0]! : Buffer.concat(this.parts);
      this.forget();
      this.read(whole.toString(), records);
    }
    this.keep(chunk.subarray(lastBreak + 1), records);
    return records;
  }

  /** What is left when no more comes. */
  end(): CsvRecord[] {
    const records: CsvRecord[] = [];
    if (this.isDropping) return [{ line: this.line, fields: null, fault: TOO_LONG, isOpen: true }];
    const rest = Buffer.concat(this.parts).toString();
    this.forget();
    if (this.text === '' && rest === '') return records;
    const isOpen = rest !== '';
    this.read(isOpen ? `${rest}\n` : '', records);
    if (this.text !== '') {
      // A quote that nothing closes: whatever it was to hold is missing.
      records.push({ line: this.line, fields: null, fault: 'a quoted field has no end', isOpen: true });
    }
    const last = records.at(-1);
    if (last !== undefined && isOpen) last.isOpen = true;
    return records;
  }

  private keep(bytes: Buffer, records: CsvRecord[]): void {
    if (bytes.length === 0 || this.isDropping) return;
    this.parts.push(bytes);
    this.partsLength += bytes.length;
    if (this.partsLength <= RECORD_LENGTH_MAX) return;
    this.forget();
    this.isDropping = true;
    while (this.text !== '') this.read(this.takeRest(records), records);
  }

  private forget(): void {
    this.parts = [];
    this.partsLength = 0;
  }

  /** Takes whole lines. */
  private read(lines: string, records: CsvRecord[]): void {
    let text = this.text + lines;
    // Of a whole chunk at once, since there is hardly ever one.
    const hasOdd = text.includes(REPLACEMENT) || text.includes(NUL);
    let at = 0;
    while (at < text.length) {
      const end = text.indexOf('\n', at);
      const line = text.slice(at, text[end - 1] === '\r' ? end - 1 : end);
      if (!line.includes('"')) {
        if (line !== '') records.push(this.record(line.split(','), line, hasOdd));
        this.line++;
        at = end + 1;
        continue;
      }
      const quoted = readQuoted(text, at);
      if (quoted === 'open') {
        this.text = text.slice(at);
        if (this.text.length <= RECORD_LENGTH_MAX) return;
        text = this.takeRest(records);
        at = 0;
        continue;
      }
      if (typeof quoted === 'string') {
        records.push({ line: this.line++, fields: null, fault: quoted, isOpen: false });
        at = end + 1;
        continue;
      }
      const raw = text.slice(at, quoted.end);
      records.push(this.record(quoted.fields, raw, hasOdd));
      this.line += breaksIn(raw);
      at = quoted.end;
    }
    this.text = '';
  }

  /** Of a record that does not end, the first line is set aside, and the rest is read again. */
  private takeRest(records: CsvRecord[]): string {
    records.push({
      line: this.line++,
      fields: null,
      fault: 'a quoted field has no end within 1 MB',
      isOpen: false,
    });
    const rest = this.text.slice(this.text.indexOf('\n') + 1);
    this.text = '';
    return rest;
  }

  private record(fields: readonly string[], raw: string, mayBeOdd: boolean): CsvRecord {
    const { line } = this;
    const fault = raw.length > RECORD_LENGTH_MAX ? TOO_LONG : mayBeOdd ? oddIn(raw) : null;
    return { line, fields: fault === null ? fields : null, fault, isOpen: false };
  }
}

/** What is no text of a report. */
function oddIn(raw: string): string | null {
  if (raw.includes(NUL)) return 'it has a NUL';
  return raw.includes(REPLACEMENT) ? 'it is not UTF-8' : null;
}

const GOES_ON = 'a quoted field goes on behind its closing quote';

/** A record with quotes, with its end behind the line break; what is wrong with it; `open`: it does not end here. */
function readQuoted(text: string, start: number): { fields: string[]; end: number } | 'open' | string {
  const fields: string[] = [];
  let at = start;
  for (;;) {
    if (text[at] !== '"') {
      const end = endOfPlain(text, at);
      const field = text.slice(at, end);
      if (field.includes('"')) return 'a quote is inside a field that has none around it';
      fields.push(text[end] === '\n' && field.endsWith('\r') ? field.slice(0, -1) : field);
      at = end;
    } else {
      const close = closingQuote(text, at + 1);
      if (close === -1) return 'open';
      fields.push(text.slice(at + 1, close).replaceAll('""', '"'));
      at = close + 1;
      if (text[at] === '\r' && text[at + 1] === '\n') at++;
      if (text[at] !== ',' && text[at] !== '\n') return GOES_ON;
    }
    if (text[at] === '\n') return { fields, end: at + 1 };
    at++;
  }
}

/** The comma or the line break behind a field without quotes; lines are whole, so there is one. */
function endOfPlain(text: string, at: number): number {
  const comma = text.indexOf(',', at);
  const lineBreak = text.indexOf('\n', at);
  return comma === -1 || comma > lineBreak ? lineBreak : comma;
}

function closingQuote(text: string, from: number): number {
  for (let at = from; ; at += 2) {
    at = text.indexOf('"', at);
    if (at === -1 || text[at + 1] !== '"') return at;
  }
}

function breaksIn(text: string): number {
  let count = 0;
  for (let at = text.indexOf('\n'); at !== -1; at = text.indexOf('\n', at + 1)) count++;
  return count;
}
