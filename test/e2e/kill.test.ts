import assert from 'node:assert/strict'
import { readFile, writeFile } from 'node:fs/promises'
import { test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import {
  allMet,
  batchMs,
  ndjson,
  Testbed,
  untilContains,
  workHandlers,
  type JsonLine,
  type UpNode,
} from './processes.ts'

/** How long a lid stays shut: longer than any lease, in milliseconds. */
const pauseMs = 45_000

/** Inputs of tasks that run until `open` is called. */
function gated(
  bed: Testbed,
  count: number,
): { inputs: string; log: string; open: () => Promise<void> } {
  const gate = bed.path('gate')
  const log = bed.path('starts.log')
  return {
    inputs: ndjson(Array.from({ length: count }, () => ({ gate, log }))),
    log,
    open: () => writeFile(gate, ''),
  }
}

async function claims(node: UpNode): Promise<JsonLine> {
  return await node.process.when(
    `${node.name} claims a task`,
    ({ event }) => event === 'task:claimed',
    batchMs,
  )
}

/** Waits until these nodes have seen so many different tasks done. */
async function allDone(nodes: readonly UpNode[], count: number): Promise<Map<string, JsonLine>> {
  const done = new Map<string, JsonLine>()
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const take = (line: JsonLine): void => {
    if (line['event'] !== 'task:done') return
    done.set(String(line['taskId']), line)
    if (done.size === count) resolve()
  }
  const offs = nodes.map(node => node.process.onLine(take))
  for (const node of nodes) node.process.lines.forEach(take)
  const timer = setTimeout(
    () => reject(new Error(`${done.size} of ${count} tasks were done within ${batchMs} ms`)),
    batchMs,
  )
  try {
    await promise
    return done
  } finally {
    clearTimeout(timer)
    for (const off of offs) off()
  }
}

for (const args of [[], ['--no-gossip']]) {
  const mode = args.length === 0 ? '' : ', without gossip, too'
  const worker = { handlers: workHandlers, concurrency: 4, args }

  test(`the tasks of a worker that is killed finish elsewhere${mode}`, async () => {
    await using bed = new Testbed()
    const [publisher, victim, other] = await bed.mesh({
      publisher: { concurrency: 0, args },
      victim: worker,
      other: worker,
    })
    assert.ok(publisher && victim && other)
    const { inputs, open } = gated(bed, 24)

    const publish = bed.spawn(
      ['publish', 'hold', '--ndjson', '--wait', '--json', '--data', publisher.dataDir],
      { input: inputs },
    )
    await claims(victim)
    victim.process.kill('SIGKILL')
    await victim.process.exited
    await open()

    assert.deepEqual(await publish.exited, { code: 0, signal: null })
    assert.equal(publish.lines.length, 24)
    assert.equal(new Set(publish.lines.map(({ taskId }) => taskId)).size, 24)
    for (const { state, node, result } of publish.lines) {
      assert.deepEqual([state, node, result], ['done', other.peerId, other.process.pid])
    }
  })

  test(`tasks outlive their publisher, which knows the results when it is back${mode}`, async () => {
    await using bed = new Testbed()
    const nodes = await bed.mesh({ publisher: worker, b: worker, c: worker, d: worker })
    const [publisher, ...others] = nodes
    assert.ok(publisher)
    const { inputs, open } = gated(bed, 40)

    const published = await bed.run(
      ['publish', 'hold', '--ndjson', '--json', '--data', publisher.dataDir],
      { input: inputs },
    )
    assert.equal(published.code, 0, published.stderr)
    assert.equal(published.lines.length, 40)
    assert.ok(published.lines.every(({ durable }) => durable === true))

    publisher.process.kill('SIGKILL')
    await publisher.process.exited
    await open()
    const done = await allDone(others, 40)
    const ids = published.lines.map(({ taskId }) => String(taskId))
    assert.deepEqual([...done.keys()].toSorted(), ids.toSorted())

    const again = await bed.up('publisher', { ...worker, bootstrap: others })
    assert.equal(again.peerId, publisher.peerId)
    await allMet([again, ...others])
    const known = await bed.run([
      'task',
      'ls',
      '--state',
      'done',
      '--json',
      '--data',
      again.dataDir,
    ])
    assert.deepEqual(known.lines.map(({ taskId }) => String(taskId)).toSorted(), ids.toSorted())
    const pids = new Set(others.map(node => node.process.pid))
    for (const id of ids.filter((_, index) => index % 5 === 0)) {
      const shown = await bed.run(['task', 'show', id, '--json', '--data', again.dataDir])
      const [task] = shown.lines
      assert.equal(task?.['state'], 'done', shown.stderr)
      assert.ok(pids.has(Number(task?.['result'])))
    }
  })

  test(`everything finishes after all nodes were killed and restarted${mode}`, async () => {
    await using bed = new Testbed()
    const nodes = await bed.mesh({ a: worker, b: worker, c: worker })
    const [a] = nodes
    assert.ok(a)
    const { inputs, open, log } = gated(bed, 30)
    const published = await bed.run(
      ['publish', 'hold', '--ndjson', '--json', '--data', a.dataDir],
      {
        input: inputs,
      },
    )
    assert.equal(published.code, 0, published.stderr)
    await claims(a)

    for (const node of nodes) node.process.kill('SIGKILL')
    await Promise.all(nodes.map(node => node.process.exited))
    await open()
    const restarted = await bed.mesh({ a: worker, b: worker, c: worker })
    const done = await allDone(restarted, 30)

    const ids = published.lines.map(({ taskId }) => String(taskId))
    assert.deepEqual([...done.keys()].toSorted(), ids.toSorted())
    const started = (await readFile(log, 'utf8')).trim().split('\n')
    assert.ok(started.length >= 30)
  })

  test(`a worker that was paused for longer than its leases changes no outcome${mode}`, async () => {
    await using bed = new Testbed()
    const [publisher, sleeper, other] = await bed.mesh({
      publisher: { concurrency: 0, args },
      sleeper: worker,
      other: worker,
    })
    assert.ok(publisher && sleeper && other)
    const { inputs, open, log } = gated(bed, 16)
    const publish = bed.spawn(
      ['publish', 'hold', '--ndjson', '--wait', '--json', '--data', publisher.dataDir],
      { input: inputs },
    )
    await untilContains(log, ` ${sleeper.process.pid}\n`)
    sleeper.process.kill('SIGSTOP')
    const pause = delay(pauseMs)
    await open()
    assert.deepEqual(await publish.exited, { code: 0, signal: null })
    const before = new Map(publish.lines.map(line => [line['taskId'], line['result']]))
    assert.equal(before.size, 16)

    await pause
    // Awake, it finds that its runs cannot count any more, and takes new work like any other.
    sleeper.process.kill('SIGCONT')
    await sleeper.process.when(
      'the paused node notices',
      ({ event }) => event === 'lease:lost' || event === 'task:done',
      batchMs,
    )
    for (const [taskId, result] of before) {
      const shown = await bed.run([
        'task',
        'show',
        String(taskId),
        '--json',
        '--data',
        publisher.dataDir,
      ])
      assert.deepEqual(shown.lines[0]?.['result'], result)
    }
    const starts = (await readFile(log, 'utf8')).trim().split('\n')
    const duplicates = starts.length - new Set(starts.map(line => line.split(' ')[0])).size
    assert.ok(duplicates > 0, 'the paused runs were started again elsewhere')
  })
}
