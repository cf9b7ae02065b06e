import assert from 'node:assert/strict'
import { readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { contentOf, hashOf } from '../blobs/stores.ts'
import { patienceMs, Testbed, type Run, type UpNode, workHandlers } from './processes.ts'

const json = JSON.stringify(Array.from({ length: 10_000 }, (_, i) => ({ i, text: `row ${i} – é` })))
const bytes = contentOf(9_000_001)
const hash = hashOf(bytes)

/** Serves bytes as they are. */
const cat = ['--exec', 'cat=cat']

/** How a command may reach the mesh. */
function ways(bed: Testbed, node: UpNode): readonly (readonly [string, readonly string[]])[] {
  const [address = ''] = node.addresses
  return [
    ['through its control socket', ['--data', node.dataDir]],
    ['as a guest', ['--data', bed.path('empty'), '--no-mdns', '--bootstrap', address]],
  ]
}

/** Words that send a command's stdout to a file. */
function into(file: string): readonly string[] {
  return ['/bin/sh', '-c', `exec "$0" "$@" > '${file}'`]
}

function assertDone(run: Run): void {
  assert.equal(run.code, 0, run.stderr)
}

async function assertHolds(file: string): Promise<void> {
  assert.equal(hashOf(await readFile(file)), hash)
}

test('a command gives and gets large JSON', async t => {
  await using bed = new Testbed()
  const [a] = await bed.mesh({ a: {}, b: {}, c: { handlers: workHandlers } })
  assert.ok(a)
  await writeFile(bed.path('large.json'), json)
  const lines = `1\n${json}\n"x"\n${json}\n`
  for (const [name, way] of ways(bed, a)) {
    await t.test(name, async () => {
      const out = bed.path('stdout')
      const publish = ['publish', 'echo', `@${bed.path('large.json')}`, '--wait', ...way]
      assertDone(await bed.run(publish, { within: into(out) }))
      assert.equal(await readFile(out, 'utf8'), `${json}\n`)

      const told = await bed.run([...publish, '--json'])
      assertDone(told)
      assert.deepEqual(told.lines[0]?.['result'], JSON.parse(json))
      const id = String(told.lines[0]?.['taskId'])
      const shown = await bed.run(['task', 'show', id, '--json', ...way])
      assert.deepEqual(shown.lines[0]?.['result'], JSON.parse(json))

      const file = bed.path('result.json')
      const silent = await bed.run([...publish, '--output', file])
      assertDone(silent)
      assert.deepEqual(silent.lines, [])
      assert.equal(await readFile(file, 'utf8'), `${json}\n`)

      const many = ['publish', 'echo', '--ndjson', '--wait', '--json', ...way]
      const all = await bed.run(many, { input: lines })
      assertDone(all)
      const results = all.lines.map(({ result }) => JSON.stringify(result))
      assert.deepEqual(results.toSorted(), lines.trim().split('\n').toSorted())
    })
  }
})

test('a command gives and gets bytes', async t => {
  await using bed = new Testbed()
  const [a] = await bed.mesh({ a: {}, b: {}, c: { args: cat } })
  assert.ok(a)
  const input = bed.path('input')
  await writeFile(input, bytes)
  for (const [name, way] of ways(bed, a)) {
    await t.test(name, async () => {
      const publish = ['publish', 'cat', `@${input}`, '--raw', '--wait', ...way]
      const out = bed.path('stdout')
      assertDone(await bed.run(publish, { within: into(out) }))
      await assertHolds(out)

      const file = bed.path('result')
      assertDone(await bed.run([...publish, '--output', file]))
      await assertHolds(file)
      assert.equal((await stat(file)).mode, (await stat(input)).mode)

      const told = await bed.run([...publish, '--json'])
      assertDone(told)
      const { taskId, result, raw } = told.lines[0] ?? {}
      assert.deepEqual({ result, raw }, { result: { size: bytes.byteLength, hash }, raw: true })
      const shown = await bed.run(['task', 'show', String(taskId), '--json', ...way])
      assert.deepEqual(shown.lines[0]?.['result'], result)
      const saved = bed.path('saved')
      assertDone(await bed.run(['task', 'show', String(taskId), '--output', saved, ...way]))
      await assertHolds(saved)

      // Bytes need no file, and those that are JSON come back as such.
      const text = `"${'é'.repeat(100_000)}"`
      const piped = await bed.run(['publish', 'cat', '-', '--raw', '--wait', '--json', ...way], {
        input: text,
      })
      assert.equal(JSON.stringify(piped.lines[0]?.['result']), text)
    })
  }
  const left = (await readdir(dirname(bed.path('x')))).filter(it => it.startsWith('.meshwork-'))
  assert.deepEqual(left, [])
})

test('a voter that is killed while it is given a large input is done without', async () => {
  await using bed = new Testbed()
  const [a, b, c] = await bed.mesh({ a: { args: cat }, b: {}, c: {} })
  assert.ok(a && b && c)
  const large = contentOf(2 ** 26)
  await writeFile(bed.path('input'), large)
  const publish = ['publish', 'cat', `@${bed.path('input')}`, '--raw', '--wait', '--json']
  const publishing = bed.spawn([...publish, '--data', a.dataDir])
  const taking = async (node: UpNode): Promise<UpNode | undefined> => {
    const files = await readdir(join(node.dataDir, 'blobs'), { recursive: true }).catch(() => [])
    return files.some(file => file.endsWith('.part.map')) ? node : undefined
  }
  let taker: UpNode | undefined
  const progress = { isOver: false }
  void publishing.exited.then(() => (progress.isOver = true))
  while (taker === undefined && !progress.isOver) {
    taker = (await taking(b)) ?? (await taking(c))
  }
  assert.ok(taker, 'it was killed on the way')
  taker.process.kill('SIGKILL')
  const { code } = await publishing.exited
  assert.equal(code, 0, publishing.stderr)
  assert.deepEqual(publishing.lines[0]?.['result'], { size: large.length, hash: hashOf(large) })
})

test('a large input outlives the kill of every node, and runs', async () => {
  await using bed = new Testbed()
  const nodes = await bed.mesh({ a: {}, b: {}, c: {} })
  const [a] = nodes
  assert.ok(a)
  await writeFile(bed.path('input'), bytes)
  const publish = ['publish', 'cat', `@${bed.path('input')}`, '--raw', '--json']
  const published = await bed.run([...publish, '--data', a.dataDir])
  assertDone(published)
  const { taskId, durable } = published.lines[0] ?? {}
  assert.equal(durable, true)
  const holders = async (): Promise<number> => {
    const files = nodes.map(({ dataDir }) => join(dataDir, 'blobs', hash.slice(0, 2), hash))
    const sizes = await Promise.all(
      files.map(file =>
        stat(file).then(
          it => it.size,
          () => 0,
        ),
      ),
    )
    return sizes.filter(size => size === bytes.byteLength).length
  }
  assert.ok((await holders()) >= 2, 'a majority holds it when it is published')
  for (const { process } of nodes) process.kill('SIGKILL')
  await Promise.all(nodes.map(({ process }) => process.exited))

  const restarted = await bed.mesh({ a: {}, b: {}, c: { args: cat } })
  const [again] = restarted
  assert.ok(again)
  const show = ['task', 'show', String(taskId), '--json', '--data', again.dataDir]
  let row = await bed.run(show)
  for (let i = 0; i < 200 && row.lines[0]?.['state'] !== 'done'; i++) row = await bed.run(show)
  assert.deepEqual(row.lines[0]?.['result'], { size: bytes.byteLength, hash })
  // A voter that lacks it gets it by itself, also if others were enough for the task.
  for (let i = 0; i < 200 && (await holders()) < 3; i++) await delay(100)
  assert.equal(await holders(), 3, 'the one that lacked it has fetched it')

  // And so does a large result.
  await Promise.all(restarted.map(({ process }) => process.end(patienceMs, 'SIGKILL')))
  const [last] = await bed.mesh({ b: {}, c: {} })
  assert.ok(last)
  const saved = bed.path('saved')
  const get = ['task', 'show', String(taskId), '--output', saved, '--data', last.dataDir]
  assertDone(await bed.run(get))
  await assertHolds(saved)
})
