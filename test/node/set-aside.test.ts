import assert from 'node:assert/strict'
import { cp, rm } from 'node:fs/promises'
import { describe, it } from 'node:test'
import type { MeshNodeInit } from '../../src/index.ts'
import { flip, placeOf } from '../store/segments.ts'
import { Cluster, events, patienceMs } from './cluster.ts'

const wait = { timeoutMs: patienceMs }
const later = { delayMs: 3_600_000 }
const echo = { echo: (it: unknown) => it }

/** Changes a byte of the first entry in a journal, which says that the node has started. */
function damage(dataDir: string): void {
  const { path, body } = placeOf(dataDir, 1)
  flip(path, body)
}

describe('a node whose storage has lost something', () => {
  it('starts on another one, under its own name, and says what is lost', async () => {
    await using cluster = new Cluster()
    const dataDir = await cluster.dataDir('alone')
    const before = await cluster.add({ dataDir })
    const [task] = await before.publishMany('echo', [1, 2, 3], later)
    await before.stop()
    damage(dataDir)

    const node = await cluster.add({ dataDir })
    const [told] = await events(node, 'storage:set-aside')
    assert.equal(node.peerId, before.peerId)
    assert.equal(told?.tasksLost, 3)
    assert.match(told.message, /lost something: entry \d+ has .*; it is kept in .*quarantined/)
    assert.match(told.message, /at least 3 open tasks \(publish again what you need\)/)
    const lost = node.task(task?.id ?? '')
    await assert.rejects(lost.result(wait), { name: 'TaskNotFoundError' })
    assert.equal((await node.publish('echo', 1, later)).durable, false)
  })

  it('loses nothing that others keep, and votes again', async () => {
    await using cluster = new Cluster()
    const dataDirs = [0, 1, 2].map(async index => cluster.dataDir(`of-three-${index}`))
    const inits: MeshNodeInit[] = (await Promise.all(dataDirs)).map(dataDir => ({ dataDir }))
    const nodes = await cluster.start(3, index => inits[index] ?? {})
    const [first, , third] = nodes
    assert.ok(first !== undefined && third !== undefined)
    const tasks = await first.publishMany('echo', [1, 2, 3], { delayMs: 3_000, copies: 3 })
    await third.stop()
    damage(inits[2]?.dataDir ?? '')
    const node = await cluster.add({ ...inits[2], bootstrap: [...first.addresses], tasks: echo })
    const [told] = await events(node, 'storage:set-aside')
    assert.deepEqual([told?.tasksLost, told?.tasksShared], [0, 3])
    const results = await Promise.all(tasks.map(task => task.result(wait)))
    assert.deepEqual(results, [1, 2, 3])
    // It keeps the tasks again.
    assert.equal(await node.task(tasks[0]?.id ?? '').result(wait), 1)
  })

  it('stops when others have seen more of it than there is, and starts on another one', async () => {
    await using cluster = new Cluster()
    const dataDir = await cluster.dataDir('rolled-back')
    const copy = await cluster.dataDir('copy')
    await (await cluster.add({ dataDir })).stop()
    await cp(dataDir, copy, { recursive: true })
    const [witness] = await cluster.start(2)
    assert.ok(witness !== undefined)
    const node = await cluster.add({ dataDir, bootstrap: [...witness.addresses] })
    await node.ready({ peers: 2 })
    await node.publish('echo', 1, { ...later, copies: 3 })
    await node.stop()
    await rm(dataDir, { recursive: true })
    await cp(copy, dataDir, { recursive: true })

    const old = await cluster.add({ dataDir, bootstrap: [...witness.addresses] })
    const reason = await old.stopped
    assert.equal(reason?.name, 'QuarantinedError')
    assert.match(
      reason.message,
      /has seen entry \d+ of it durable: votes were lost; start the node/,
    )
    const again = await cluster.add({ dataDir, bootstrap: [...witness.addresses] })
    const [told] = await events(again, 'storage:set-aside')
    assert.match(told?.problem ?? '', /other nodes have seen more of its journal/)
    await again.ready({ peers: 2 })
    await again.publish('echo', 1, { ...later, copies: 3 })
  })
})
