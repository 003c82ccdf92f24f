import { describe, expect, it } from 'vitest';
import type { TextFormat } from '#shared/media/detect-media-type.ts';
import { readText } from '#shared/media/read-text.ts';

const read = (source: string, format: TextFormat) => readText(Buffer.from(source), format);

describe('encodings', () => {
  it.each([
    ['UTF-8', Buffer.from('caf\u00e9 \u65e5\u672c')],
    ['UTF-8 with a byte order mark', Buffer.from('\ufeffcaf\u00e9 \u65e5\u672c')],
    ['UTF-16 little-endian', Buffer.from('\ufeffcaf\u00e9 \u65e5\u672c', 'utf16le')],
    ['UTF-16 big-endian', Buffer.from('\ufeffcaf\u00e9 \u65e5\u672c', 'utf16le').swap16()],
  ])('reads %s', (_name, bytes) => {
    expect(readText(bytes, 'plain')).toEqual({ text: 'caf\u00e9 \u65e5\u672c' });
  });

  it('reads Windows-1252 where the bytes are not Unicode', () => {
    const bytes = Buffer.from('\x93caf\xe9\x94 costs 3 \x80', 'latin1');
    expect(readText(bytes, 'plain').text).toBe('\u201ccaf\u00e9\u201d costs 3 \u20ac');
  });

  it('makes all line ends the same', () => {
    expect(read('a\r\nb\rc\nd', 'plain').text).toBe('a\nb\nc\nd');
  });
});

describe('Markdown', () => {
  it('takes the title of the front matter, and drops the marks', () => {
    const source =
      '---\ntitle: "Big day"\ntags: [x]\n---\n# Morning\n\nSome *fine* and **strong** [words](http://x.y/z "t") with `code`.\n\n' +
      '> quoted\n\n![a red dog](dog.png)\n\n<!-- secret -->\n```js\nlet snake_case = 1;\n```\n\nUnder\n=====\n---\nC# and a_b_c\n';
    expect(read(source, 'markdown')).toEqual({
      title: 'Big day',
      text: 'Morning\n\nSome fine and strong words with code.\n\nquoted\n\na red dog\n\n\nlet snake_case = 1;\n\nUnder\n\n\nC# and a_b_c',
    });
  });

  it('takes the first heading as the title without front matter', () => {
    expect(read('intro\n\n## Not this\n\n# The *title* #\n', 'markdown').title).toBe('The title');
    expect(read('no heading', 'markdown').title).toBeUndefined();
  });
});

describe('HTML', () => {
  it('reads what a person sees', () => {
    const source =
      '<!DOCTYPE html><html><head><title>Tea &amp; cake</title><style>p { color: red }</style><script>var hidden = "<p>no</p>";' +
      '</script></head><body><!-- nor this --><h1>Menu</h1><p>Green&nbsp;tea, <b>hot</b>\n   or cold<br>2&euro;</p>' +
      '<ul><li>one<li>two</ul><table><tr><td>a<td>b</table><img alt="a cake" src=x><p hidden>not</p>' +
      '<div style="display: none">not <div>this</div> either</div><noscript>no</noscript><p>End</p></body></html>';
    expect(read(source, 'html')).toEqual({
      title: 'Tea & cake',
      text: 'Menu\n\nGreen tea, hot or cold\n2€\n\none\ntwo\n\na b\n\na cake\n\nEnd',
    });
  });

  it('reads pages that are broken off or badly nested', () => {
    expect(read('<p>One <b>two <i>three</b> four</i><p>five <script>alert("', 'html').text).toBe(
      'One two three four\n\nfive',
    );
  });

  it('reads 190,000 nested elements', () => {
    expect(read(`${'<div>'.repeat(190_000)}deep`, 'html').text).toBe('deep');
  });
});

describe('JSON', () => {
  it('gives strings with their field names in reading order', () => {
    const value = {
      title: 'Dogs',
      n: 3,
      photos: [{ caption: 'two dogs' }, { caption: 'a cat', ok: true }],
      tags: ['x', 'y'],
    };
    expect(read(JSON.stringify(value), 'json')).toEqual({
      title: 'Dogs',
      text: 'title: Dogs\ncaption: two dogs\ncaption: a cat\ntags: x\ntags: y',
    });
  });

  it('reads lines as paragraphs', () => {
    expect(read('{"a":"one"}\n\n{"a":"two"}\n"three"', 'jsonl').text).toBe('a: one\n\na: two\n\nthree');
  });

  it('reads deep nesting', () => {
    expect(read(`${'['.repeat(100_000)}"deep"${']'.repeat(100_000)}`, 'json').text).toBe('deep');
  });

  it('says where it is not valid', () => {
    expect(() => read('{"a": ', 'json')).toThrow(/expected JSON: /);
    expect(() => read('{"a":"one"}\nnot', 'jsonl')).toThrow(/expected JSON in line 2: /);
  });
});

describe('CSV', () => {
  it('gives each row as a paragraph of header and value', () => {
    expect(read('id,name,note\n1,"A ""q"", b",x\n2,,"two\nlines"\n', 'csv').text).toBe(
      'id: 1\nname: A "q", b\nnote: x\n\nid: 2\nnote: two\nlines',
    );
  });

  it('finds semicolons and tabs', () => {
    expect(read('id;name\n1;A, B', 'csv').text).toBe('id: 1\nname: A, B');
    expect(read('id\tname\n1\tA', 'tsv').text).toBe('id: 1\nname: A');
  });

  it('reads rows longer than the header, and one row alone', () => {
    expect(read('a\n1,2', 'csv').text).toBe('a: 1\n2');
    expect(read('a,b\n1,2,3', 'csv').text).toBe('a: 1\nb: 2\n3');
    expect(read('just,one,row', 'csv').text).toBe('just\none\nrow');
  });
});

describe('refusals', () => {
  it.each<[string, Uint8Array, TextFormat, string]>([
    ['more than 1 MB', Buffer.from('x'.repeat(1_000_001)), 'plain', 'too_large'],
    ['bytes that are no text', Buffer.from([1, 2, 3, 0, 255]), 'plain', 'corrupt_input'],
    ['blank text', Buffer.from(' \n\t '), 'plain', 'corrupt_input'],
    ['a page without words', Buffer.from('<p><img src=x><script>x</script>'), 'html', 'corrupt_input'],
    ['JSON without strings', Buffer.from('[1, 2, {"a": null}]'), 'json', 'corrupt_input'],
  ])('refuses %s', (_name, bytes, format, code) => {
    expect(() => readText(bytes, format)).toThrow(expect.objectContaining({ code }));
  });
});

/** Each of these made a careless reader take minutes: all must end within the test's time. */
it.each<[string, string, TextFormat]>([
  ['comments that never end', '<!--'.repeat(200_000), 'markdown'],
  ['brackets that never close', '['.repeat(900_000), 'markdown'],
  ['stars that never close', '**a'.repeat(300_000), 'markdown'],
  ['tables in tables', '<table><tr><td>'.repeat(60_000), 'html'],
  ['formatting that never closes', '<a><b><i><u>'.repeat(60_000), 'html'],
  ['quotation marks that never close', 'a,"b'.repeat(200_000), 'csv'],
])('reads %s in linear time', (_name, hostile, format) => {
  expect(read(`${hostile} word`, format).text).toContain('word');
});
