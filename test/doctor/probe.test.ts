import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { parseLocks } from '../../src/doctor/data-dir-probe.ts'
import { probe } from '../../src/doctor/probe.ts'
import { parseNetstatRoutes, parseProcRoutes } from '../../src/doctor/routes.ts'
import { readRuntime } from '../../src/doctor/runtime.ts'

describe('probe', () => {
  test('gives what was found', async () => {
    assert.deepEqual(await probe(() => 7, { limitMs: 1_000 }), { found: 7 })
  })

  test('gives the reason of what is thrown, at once or later', async () => {
    const fails = [
      () => {
        throw new Error('no')
      },
      () => Promise.reject(new Error('no')),
    ]
    for (const fail of fails) {
      assert.deepEqual(await probe(fail, { limitMs: 1_000 }), { found: undefined, failed: 'no' })
    }
  })

  test('does not wait for what never ends, and tells it so', async () => {
    let told: AbortSignal | undefined
    const never = (signal: AbortSignal): Promise<never> => {
      told = signal
      return new Promise(() => {})
    }
    const keepAlive = setInterval(() => {}, 1_000)
    try {
      const { failed } = (await probe(never, { limitMs: 5 })) as { readonly failed?: string }
      assert.match(failed ?? '', /took longer than 0\.005 s/)
      assert.equal(told?.aborted, true)
    } finally {
      clearInterval(keepAlive)
    }
  })

  test('looks at nothing when it is interrupted', async () => {
    const signal = AbortSignal.abort(new Error('interrupted'))
    const probed = await probe(() => assert.fail('looked'), { limitMs: 1_000, signal })
    assert.deepEqual(probed, { found: undefined, failed: 'interrupted' })
  })
})

test("default routes are read from Linux's table", () => {
  const table = `Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\tWindow\tIRTT
wlan0\t00000000\t0101A8C0\t0003\t0\t0\t600\t00000000\t0\t0\t0
eth0\t00000000\t0101A8C0\t0003\t0\t0\t100\t00000000\t0\t0\t0
eth0\t0001A8C0\t00000000\t0001\t0\t0\t100\t00FFFFFF\t0\t0\t0
`
  assert.deepEqual(parseProcRoutes(table), [
    { interface: 'wlan0', metric: 600 },
    { interface: 'eth0', metric: 100 },
  ])
})

test("default routes are read from macOS's table", () => {
  const table = `Routing tables

Internet:
Destination        Gateway            Flags               Netif Expire
default            192.168.1.1        UGScg                 en0
default            link#22            UCSIg             bridge100      !
127                127.0.0.1          UCS                   lo0
`
  assert.deepEqual(parseNetstatRoutes(table), [
    { interface: 'en0', metric: 0 },
    { interface: 'bridge100', metric: 1 },
  ])
})

test("the holder of a lock is read from Linux's table", () => {
  const table = `1: POSIX  ADVISORY  WRITE 1746 fe:00:2212549 0 EOF
2: FLOCK  ADVISORY  WRITE 99 00:1a:777 0 EOF
`
  assert.equal(parseLocks(table, 2_212_549), 1_746)
  assert.equal(parseLocks(table, 777), 99)
  assert.equal(parseLocks(table, 549), undefined)
  assert.equal(parseLocks('', 1), undefined)
})

test('this process has a version and a limit of open files', () => {
  const { nodeVersion, openFilesMax } = readRuntime()
  assert.equal(nodeVersion, process.versions.node)
  if (process.platform !== 'win32') assert.ok((openFilesMax ?? 0) > 0)
})
