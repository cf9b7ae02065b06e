import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Testbed, workHandlers } from './processes.ts'

test('a task that waits or lives too long has failed', async () => {
  await using bed = new Testbed()
  const node = await bed.up('a', { handlers: workHandlers })
  const publish = ['publish', '--wait', '--json', '--data', node.dataDir]
  for (const limit of [
    ['nobody', '1', '--queue-timeout', '100ms'],
    // From when the command begins, which a busy machine may need a while for.
    ['nobody', '1', '--expires', '6s'],
  ]) {
    const run = await bed.run([...publish, ...limit])
    assert.equal(run.code, 1, run.stderr)
    const [{ state, reason } = {}] = run.lines
    assert.deepEqual([state, reason], ['failed', 'expired'])
    const id = String(run.lines[0]?.['taskId'])
    const shown = await bed.run(['task', 'show', id, '--json', '--data', node.dataDir])
    assert.deepEqual([shown.lines[0]?.['state'], shown.lines[0]?.['reason']], ['failed', 'expired'])
  }
})
