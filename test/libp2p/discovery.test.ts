import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'

const script = fileURLToPath(new URL('finds-others.ts', import.meta.url))

/** Runs a shell command in a network namespace of its own, for half a minute at most. */
async function inNamespace(command: string): Promise<{ output: string; end: string }> {
  const options = { stdio: ['ignore', 'pipe', 'inherit'] as const, detached: true }
  const child = spawn('unshare', ['-rn', 'sh', '-c', command], {
    ...options,
    stdio: [...options.stdio],
  })
  const { promise, resolve, reject } = Promise.withResolvers<string>()
  const limit = setTimeout(() => {
    if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL')
  }, 30_000)
  let output = ''
  child.stdout?.on('data', (data: Buffer) => {
    output += data.toString()
  })
  child.on('error', reject)
  child.on('close', (code, signal) => resolve(`${code} ${signal}`))
  try {
    return { end: await promise, output }
  } finally {
    clearTimeout(limit)
  }
}

async function whyNot(): Promise<string | undefined> {
  if (process.platform !== 'linux') return 'network namespaces are a thing of Linux'
  try {
    const { end } = await inNamespace('ip link set lo up multicast on >/dev/null 2>&1')
    return end === '0 null' ? undefined : 'network namespaces are not permitted here'
  } catch {
    return 'there is no unshare command here'
  }
}

const skip = await whyNot()
if (skip !== undefined) console.log(`mDNS is not tested: ${skip}`)

const run = (...args: string[]): string => [process.execPath, script, ...args].join(' ')
const multicast = 'ip link set lo up multicast on && ip route add 224.0.0.0/4 dev lo'

describe('mDNS', { skip: skip ?? false }, () => {
  test('nodes of a mesh find each other, also after a restart on another port', async () => {
    const { output, end } = await inNamespace(`${multicast} && exec ${run('127.0.0.1')}`)
    assert.deepEqual([output, end], ['met\nworking\nmet again\n', '0 null'])
  })

  test('nodes with public addresses find each other, too', async () => {
    const command = `${multicast} && ip addr add 203.0.113.5/32 dev lo && exec ${run('203.0.113.5')}`
    const { output, end } = await inNamespace(command)
    assert.deepEqual([output, end], ['met\nworking\nmet again\n', '0 null'])
  })

  test('a node without any multicast runs, and its health says that nothing is heard', async () => {
    // Without an interface that is up there is nothing to send to.
    const { output, end } = await inNamespace(`exec ${run('0.0.0.0', 'alone')}`)
    assert.deepEqual([output, end], ['silent\n', '0 null'])
  })
})
