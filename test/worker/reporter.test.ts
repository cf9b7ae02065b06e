import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { maxReportBytes, Reporter } from '../../src/worker/reporter.ts'

function reporter(): { sent: [string, string][]; it: Reporter } {
  const sent: [string, string][] = []
  return { sent, it: new Reporter((kind, body) => sent.push([kind, body])) }
}

suite('Reporter', () => {
  test('a flood of progress is thinned, and its last value is told', () => {
    const { sent, it } = reporter()
    const began = performance.now()
    for (let i = 0; i < 10_000; i++) it.progress(i)
    const most = 2 + (performance.now() - began) / 100
    it.end()
    assert.deepEqual(sent[0], ['progress', '0'])
    assert.deepEqual(sent.at(-1), ['progress', '9999'])
    assert.ok(sent.length <= most, `${sent.length} values`)
  })

  test('progress that is held back goes out by itself', async () => {
    const both = Promise.withResolvers<void>()
    const sent: string[] = []
    const it = new Reporter((_, body) => {
      sent.push(body)
      if (body === '3') both.resolve()
    })
    const alive = setInterval(() => undefined, 1_000)
    for (const value of [1, 2, 3]) it.progress(value)
    await both.promise.finally(() => clearInterval(alive))
    assert.equal(sent[0], '1')
  })

  test('a flood of lines is cut, and how much of it is told', () => {
    const { sent, it } = reporter()
    for (let i = 0; i < 5_000; i++) it.log(`line ${i}`)
    it.end()
    const lines = sent.filter(([, body]) => body.startsWith('line '))
    const dropped = sent.map(([, body]) => Number(/^… (\d+) lines dropped$/.exec(body)?.[1] ?? 0))
    assert.ok(lines.length >= 100 && lines.length < 2_500, `${lines.length} lines`)
    assert.equal(lines.length + dropped.reduce((a, b) => a + b), 5_000)
  })

  const lines = [
    { name: 'short', line: 'abc', kept: true },
    { name: 'of full length', line: 'x'.repeat(maxReportBytes), kept: true },
    { name: 'too long', line: 'x'.repeat(maxReportBytes + 1), kept: false },
    { name: 'long in bytes only', line: '€'.repeat(maxReportBytes / 2), kept: false },
  ]
  for (const { name, line, kept } of lines) {
    test(`a line ${name} is ${kept ? 'kept' : 'cut'}`, () => {
      const { sent, it } = reporter()
      it.log(line)
      const body = sent[0]?.[1] ?? ''
      assert.equal(body === line, kept)
      assert.ok(Buffer.byteLength(body) <= maxReportBytes)
      if (!kept) assert.match(body, /…$/)
    })
  }

  for (const value of [undefined, 'x'.repeat(maxReportBytes), 1n]) {
    test(`progress of ${typeof value} that cannot be sent throws`, () => {
      assert.throws(() => reporter().it.progress(value), TypeError)
    })
  }
})
