import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { test } from 'node:test'
import { join } from 'node:path'
import { type GroupEnd, ProcessGroup } from '../../src/worker/process-group.ts'
import { folder, turns } from './harness.ts'

interface Written {
  stdout: string
}

function groupOf(cwd: string, command: string, written: Written, wait?: () => Promise<void>) {
  return new ProcessGroup({
    ...{ command, cwd, env: { PATH: process.env['PATH'] }, input: '', graceMs: 1_000 },
    onStdout: chunk => {
      written.stdout += chunk.toString()
      return wait?.()
    },
    onStderr: () => undefined,
  })
}

function isAlive(id = 0): boolean {
  try {
    return process.kill(id, 0)
  } catch {
    return false
  }
}

function assertEnd(end: GroupEnd, code: number | null, signal: string | null): void {
  assert.deepEqual([end.code, end.signal, end.error], [code, signal, undefined])
}

test('a command begins when it is let, and never if it is ended before', async t => {
  const cwd = await folder(t, {})
  const written = { stdout: '' }
  const group = groupOf(cwd, 'touch begun; echo $0 $#; exit 3', written)
  // Time enough to begin: another one has begun and ended meanwhile.
  const other = groupOf(cwd, 'true', { stdout: '' })
  other.begin()
  assertEnd(await other.ended, 0, null)
  assert.equal(existsSync(join(cwd, 'begun')), false)
  group.begin()
  assertEnd(await group.ended, 3, null)
  assert.equal(existsSync(join(cwd, 'begun')), true)
  assert.equal(written.stdout, '/bin/sh 0\n')

  const never = groupOf(cwd, 'touch never', written)
  never.kill()
  assertEnd(await never.ended, null, 'SIGKILL')
  assert.equal(existsSync(join(cwd, 'never')), false)
})

test('a command waits for who reads its output, and none is lost when it ends meanwhile', async t => {
  const cwd = await folder(t, {})
  const written = { stdout: '' }
  const waits: PromiseWithResolvers<void>[] = []
  const group = groupOf(cwd, 'seq 1 9000', written, () => {
    const wait = Promise.withResolvers<void>()
    waits.push(wait)
    if (waits.length > 1) wait.resolve()
    return wait.promise
  })
  group.begin()
  const signal = AbortSignal.timeout(20_000)
  while (isAlive(group.id)) {
    signal.throwIfAborted()
    await turns(1)
  }
  const seen = written.stdout.length
  await turns(10)
  assert.equal(written.stdout.length, seen, 'nothing more is read')
  waits[0]?.resolve()
  assertEnd(await group.ended, 0, null)
  assert.equal(written.stdout, Array.from({ length: 9_000 }, (_, i) => `${i + 1}\n`).join(''))
})
