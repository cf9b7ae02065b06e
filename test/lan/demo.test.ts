import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { PNG } from 'pngjs'
import { JsonProcess } from '../../scripts/demo/json-process.ts'
import { Testbed } from '../e2e/processes.ts'
import { Lan, LonelyHost, whyNoHosts, type Words } from './hosts.ts'

const skip = whyNoHosts()
const demo = join(import.meta.dirname, '..', '..', 'scripts', 'demo.ts')
const timeoutMs = 300_000

interface DemoRun {
  readonly code: number | null
  readonly text: string
}

/** Runs the demo as `npm start` does, with a home and a temporary folder of its own. */
async function runDemo(bed: Testbed, within: Words): Promise<DemoRun> {
  const [program, ...rest] = within
  const child = spawn(program, [...rest, process.execPath, demo], {
    cwd: bed.path('empty'),
    env: { ...process.env, TMPDIR: bed.folder },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: timeoutMs,
  })
  let text = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (piece: string) => (text += piece))
  }
  const [code] = (await once(child, 'close')) as [number | null]
  return { code, text }
}

/** The tints that a poster shows, as the hues of its tiles' middles. */
async function huesOf(file: string): Promise<Set<number>> {
  const { data, width, height } = PNG.sync.read(await readFile(file))
  assert.deepEqual([width, height], [960, 720])
  const hues = new Map<number, number>()
  for (let at = 0; at < data.length; at += 4 * 97) {
    const [red = 0, green = 0, blue = 0] = data.subarray(at, at + 3)
    const largest = Math.max(red, green, blue)
    if (largest - Math.min(red, green, blue) < 60) continue
    const hue = red === largest ? 0 : green >= blue - 20 ? 1 : 2
    hues.set(hue, (hues.get(hue) ?? 0) + 1)
  }
  return new Set([...hues].filter(([, count]) => count > 50).map(([hue]) => hue))
}

async function assertDemo(bed: Testbed, { code, text }: DemoRun): Promise<void> {
  assert.equal(code, 0, text)
  assert.match(text, /kill -9 \d+: violet is gone/)
  assert.match(text, /violet +\d+ +\d+ +killed when \d+ tiles were done/)
  assert.match(text, /108 tiles in .* nothing lost/)
  const hues = await huesOf(join(bed.path('empty'), 'poster.png'))
  assert.ok(hues.size >= 2, `the poster shows ${hues.size} tints`)
  const left = (await readdir(bed.folder)).filter(name => name.startsWith('meshwork-'))
  assert.deepEqual(left, [], 'no folder is left')
  const pids = [...text.matchAll(/process (\d+), peer/g)].map(([, pid]) => Number(pid))
  assert.equal(pids.length, 3)
  for (const pid of pids) assert.throws(() => process.kill(pid, 0), { code: 'ESRCH' })
}

test('the demo runs on a host of a LAN', { skip }, async () => {
  using lan = new Lan(1)
  await using bed = new Testbed()
  const [host] = lan.hosts
  assert.ok(host)
  await assertDemo(bed, await runDemo(bed, host.within))
})

test('the demo runs on a host that has only its loopback', { skip }, async () => {
  using host = new LonelyHost()
  await using bed = new Testbed()
  await assertDemo(bed, await runDemo(bed, host.within))
})

test('the demo says so where multicast is not to be had, and goes on', { skip }, async t => {
  using host = new LonelyHost()
  await using bed = new Testbed()
  // Whoever has the port for itself leaves no multicast DNS to anybody else.
  const bind =
    "require('dgram').createSocket('udp4').bind(5353, () => console.log('{\"bound\":true}'))"
  const [program, ...rest] = host.within
  const hog = new JsonProcess(program, [...rest, process.execPath, '-e', bind])
  t.after(() => hog.end(0, 'SIGKILL'))
  await hog.when('the port is taken', ({ bound }) => bound === true, 30_000)

  const run = await runDemo(bed, host.within)
  await assertDemo(bed, run)
  assert.match(run.text, /No multicast to be had here within 3 s: going on with --bootstrap/)
})
