import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { quote } from '../../src/cli/map/quote.ts'
import { combinations, countOf, splitAtSources } from '../../src/cli/map/sources.ts'
import { commandOf, hasReplacement, pathOf } from '../../src/cli/map/template.ts'

test('words are quoted as GNU Parallel quotes them', () => {
  // Each right side is what `parallel --dry-run echo ::: WORD` prints.
  const cases = [
    ['a b', "'a b'"],
    ["it's", `'it'"'"'s'`],
    ["'", `"'"`],
    ["x y'", `'x y'"'"`],
    ['$x;y', "'$x;y'"],
    ['', "''"],
    ['x\\y', "'x\\y'"],
    ['tab\tt', "'tab\tt'"],
    ['é', "'é'"],
    ['~h', "'~h'"],
    ['a=b', "'a=b'"],
    ['-n', '-n'],
    ['a/b.c+d_e-9', 'a/b.c+d_e-9'],
    ['{}', "'{}'"],
    ['!', "'!'"],
  ] as const
  for (const [word, quoted] of cases) assert.equal(quote(word), quoted)
})

test('a shell reads a quoted word as it was', () => {
  const word = fc.string({ unit: 'binary' }).filter(text => text.isWellFormed())
  const words = fc.array(
    word.map(text => text.replaceAll('\0', '')),
    { maxLength: 50 },
  )
  fc.assert(
    fc.property(words, words => {
      const script = `printf '%s\\0' ${['-', ...words].map(quote).join(' ')}`
      const { stdout } = spawnSync('/bin/sh', ['-c', script], { encoding: 'utf8' })
      assert.deepEqual(stdout.split('\0').slice(1, -1), words)
    }),
    { numRuns: 10 },
  )
})

test('replacement strings are replaced as GNU Parallel replaces them', () => {
  const all = ['echo {} {.} {/} {/.} {//} {#}']
  const cases: readonly (readonly [readonly string[], readonly string[], string])[] = [
    [all, ['a/b.c.d'], 'echo a/b.c.d a/b.c b.c.d b.c a 7'],
    [all, ['x'], 'echo x x x x . 7'],
    [all, ['.hid'], "echo .hid '' .hid '' . 7"],
    [all, ['./a/.b'], "echo ./a/.b ./a/ .b '' ./a 7"],
    [all, ['foo/'], "echo foo/ foo/ '' '' . 7"],
    [all, ['/abs/x.tar.gz'], 'echo /abs/x.tar.gz /abs/x.tar x.tar.gz x.tar /abs 7'],
    [all, ['/x'], 'echo /x /x x x / 7'],
    [all, ['a.'], 'echo a. a a. a . 7'],
    [all, ['s p/f e.c'], "echo 's p/f e.c' 's p/f e' 'f e.c' 'f e' 's p' 7"],
    [all, [''], "echo '' '' '' '' . 7"],
    [['gcc -c {} -o {.}.o'], ['s p/a.c'], "gcc -c 's p/a.c' -o 's p/a'.o"],
    [['echo', 'a  b', "c'd", '{}'], ['z'], "echo a  b c'd z"],
    [['echo'], ['z'], 'echo z'],
    [['echo'], ['a', '1'], 'echo a 1'],
    [['echo {#}'], ['z'], 'echo 7'],
    [['echo {2}'], ['a', 'b'], 'echo b'],
    [['echo {} + {1} {2.} {1/} {2//} {3}'], ['a/x', 'e/f.g'], 'echo a/x e/f.g + a/x e/f x e '],
    [['echo {-1} {-2/.}'], ['a/x.c', '1'], 'echo 1 x'],
    [['echo {x} {-1} {+/}'], ['a'], 'echo {x} a {+/}'],
    [['{}{}'], ['a b'], "'a b''a b'"],
    // What has been replaced is not looked at again.
    [['echo {1} {2}'], ['{2}', '{1}'], "echo '{2}' '{1}'"],
    [[], ['echo a; b'], 'echo a; b'],
  ]
  for (const [words, args, command] of cases) {
    assert.equal(commandOf(words, { args, seq: 7 }), command)
  }
})

test('names of files are replaced without quotes, and nothing is appended', () => {
  assert.equal(pathOf('{.}.o', { args: ['s p/a.c'], seq: 1 }), 's p/a.o')
  assert.equal(pathOf('common.h', { args: ['a'], seq: 1 }), 'common.h')
  assert.equal(pathOf('out/{#}', { args: ['a'], seq: 3 }), 'out/3')
  assert.equal(hasReplacement('common.h'), false)
  assert.equal(hasReplacement('{/.}.o'), true)
})

test('arguments follow each :::, and every combination is made', () => {
  const { words, sources } = splitAtSources(['echo', '{}', ':::', 'a', 'b', ':::', '1', '2'])
  assert.deepEqual(words, ['echo', '{}'])
  assert.equal(countOf(sources), 4)
  assert.deepEqual(
    [...combinations(sources)],
    [
      ['a', '1'],
      ['a', '2'],
      ['b', '1'],
      ['b', '2'],
    ],
  )
  assert.deepEqual(splitAtSources(['wc']), { words: ['wc'], sources: [] })
  assert.deepEqual([...combinations([['a'], []])], [])
  assert.equal(countOf([['a'], []]), 0)
})
