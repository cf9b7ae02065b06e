import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { test } from 'node:test'
import { ndjson, patienceMs, Testbed, workHandlers } from './processes.ts'

for (const args of [[], ['--no-gossip']]) {
  const mode = args.length === 0 ? '' : ', without gossip, too'

  test(`a node with twice the concurrency does about twice the tasks${mode}`, async () => {
    await using bed = new Testbed()
    const [publisher, two, four] = await bed.mesh({
      publisher: { concurrency: 0, args },
      two: { handlers: workHandlers, concurrency: 2, args },
      four: { handlers: workHandlers, concurrency: 4, args },
    })
    assert.ok(publisher && two && four)
    const { lines, code, stderr } = await bed.run(
      ['publish', 'nap', '--ndjson', '--wait', '--json', '--data', publisher.dataDir],
      { input: ndjson(Array.from({ length: 300 }, () => ({ ms: 60 }))) },
    )
    assert.equal(code, 0, stderr)
    assert.equal(new Set(lines.map(({ taskId }) => taskId)).size, 300)
    const byTwo = lines.filter(({ node }) => node === two.peerId).length
    const byFour = lines.filter(({ node }) => node === four.peerId).length
    assert.equal(byTwo + byFour, 300)
    const ratio = byFour / byTwo
    assert.ok(ratio > 1.4 && ratio < 2.9, `${byFour} and ${byTwo} tasks`)
  })

  test(`a task of high priority overtakes 10,000 of low priority${mode}`, async () => {
    await using bed = new Testbed()
    const slots = 2
    const [publisher, worker] = await bed.mesh({
      publisher: { concurrency: 0, args },
      worker: { handlers: workHandlers, concurrency: slots, args },
      voter: { concurrency: 0, args },
    })
    assert.ok(publisher && worker)
    const gate = bed.path('gate')
    const input = { gate, log: bed.path('starts.log') }
    const low = await bed.run(
      ['publish', 'hold', '--ndjson', '--json', '--data', publisher.dataDir],
      { input: ndjson(Array.from({ length: 10_000 }, () => input)) },
    )
    assert.equal(low.code, 0, low.stderr)
    assert.equal(low.lines.length, 10_000)
    await worker.process.when('the slots fill', ({ event }) => event === 'task:claimed', patienceMs)

    const high = await bed.run([
      'publish',
      'hold',
      JSON.stringify(input),
      '--priority',
      '10',
      '--json',
      '--data',
      publisher.dataDir,
    ])
    assert.equal(high.code, 0, high.stderr)
    const taskId = high.lines[0]?.['taskId']
    const claimedBefore = worker.process.lines.filter(
      ({ event }) => event === 'task:claimed',
    ).length
    await writeFile(gate, '')
    await worker.process.when(
      'the important task is done',
      line => line['event'] === 'task:done' && line['taskId'] === taskId,
      patienceMs,
    )
    const claims = worker.process.lines.filter(({ event }) => event === 'task:claimed')
    const overtaken = claims.findIndex(line => line['taskId'] === taskId) - claimedBefore
    // Claims that were on their way when it came are not called back.
    assert.ok(overtaken <= 4 * slots, `${overtaken} tasks of low priority were claimed before it`)
    assert.ok(claimedBefore <= 4 * slots, `${claimedBefore} tasks were claimed for ${slots} slots`)
  })
}
