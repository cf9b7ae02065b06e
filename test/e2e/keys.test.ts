import assert from 'node:assert/strict'
import { test } from 'node:test'
import { patienceMs, Testbed, workHandlers } from './processes.ts'

test('what has a key is published once, also through a node that was killed in between', async () => {
  await using bed = new Testbed()
  const node = await bed.up('a', { handlers: workHandlers })
  const publish = (input: string) =>
    bed.run(['publish', 'nobody', input, '--key', 'order 17', '--json', '--data', node.dataDir])
  const first = await publish('1')
  assert.equal(first.code, 0, first.stderr)
  const id = first.lines[0]?.['taskId']
  assert.equal(typeof id, 'string')

  await node.process.end(patienceMs, 'SIGKILL')
  await bed.up('a', { handlers: workHandlers })
  const again = await publish('1')
  assert.equal(again.code, 0, again.stderr)
  assert.equal(again.lines[0]?.['taskId'], id)

  const other = await publish('2')
  assert.equal(other.code, 1)
  assert.match(other.stderr, new RegExp(`Key order 17 in queue nobody names task ${String(id)}`))

  const many = ['publish', 'nobody', '--ndjson', '--key', 'k', '--data', node.dataDir]
  const refused = await bed.run(many, { input: '1\n2\n' })
  assert.equal(refused.code, 2)
  assert.match(refused.stderr, /--key names one task/)
})
