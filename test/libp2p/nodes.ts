import type { TestContext } from 'node:test'
import type { ComponentLogger, Logger } from '@libp2p/interface'
import type { Envelope, Hint } from '../../src/core/messages.ts'
import type { NetworkEvents } from '../../src/driver/ports.ts'
import type { Libp2pNetworkInit } from '../../src/libp2p/config.ts'
import { libp2pNetwork } from '../../src/libp2p/network.ts'
import type { Libp2pNetwork } from '../../src/libp2p/network.ts'
import { until } from './until.ts'

/** Loopback only, on any port. */
export const listen = ['/ip4/127.0.0.1/tcp/0']

/** Something that a node's network told. */
export type Told =
  | { readonly type: 'up' | 'down'; readonly peer: string }
  | { readonly type: 'unreachable'; readonly peer: string; readonly refused: boolean }
  | { readonly type: 'message'; readonly peer: string; readonly envelope: Envelope }
  | { readonly type: 'hints'; readonly peer: string; readonly hints: readonly Hint[] }
  | { readonly type: 'listening'; readonly addresses: readonly string[] }

/** A node under test: its network, and all that it told. */
export interface TestNode {
  readonly network: Libp2pNetwork
  readonly told: Told[]
  /** Lines that were logged as errors. */
  readonly errors: string[]
  /** What the handling of a message waits for. */
  onMessage: ((peer: string, envelope: Envelope) => void | Promise<void>) | undefined
  /** Resolves once a condition holds; looked at whenever something is told, and now and then. */
  until(condition: () => boolean, what: string): Promise<void>
  count(type: Told['type'], peer?: string): number
  isUp(peer: string): boolean
}

/** Starts a node that is stopped with the test. */
export async function startNode(
  t: TestContext,
  init: Partial<Libp2pNetworkInit> = {},
): Promise<TestNode> {
  const told: Told[] = []
  const errors: string[] = []
  const looks = new Set<() => void>()
  const network = await libp2pNetwork({
    mesh: 'test',
    mdns: false,
    listen,
    logger: recordErrors(errors),
    ...init,
  })
  const node: TestNode = {
    network,
    told,
    errors,
    onMessage: undefined,
    until: (condition, what) => until(condition, what, looks),
    count: (type, peer) =>
      told.filter(
        one => one.type === type && (peer === undefined || ('peer' in one && one.peer === peer)),
      ).length,
    isUp: peer => network.health().up.includes(peer),
  }
  const tell = (one: Told): void => {
    told.push(one)
    for (const look of looks) look()
  }
  const events: NetworkEvents = {
    up: peer => tell({ type: 'up', peer }),
    down: peer => tell({ type: 'down', peer }),
    unreachable: (peer, refused) => tell({ type: 'unreachable', peer, refused }),
    message: (peer, envelope) => {
      tell({ type: 'message', peer, envelope })
      return node.onMessage?.(peer, envelope)
    },
    hints: (peer, hints) => tell({ type: 'hints', peer, hints }),
    listening: addresses => tell({ type: 'listening', addresses }),
  }
  t.after(() => network.stop())
  await network.start(events)
  return node
}

/** Two nodes with their control stream up. */
export async function startPair(
  t: TestContext,
  init: Partial<Libp2pNetworkInit> = {},
): Promise<[TestNode, TestNode]> {
  const a = await startNode(t, init)
  const b = await startNode(t, { ...init, bootstrap: a.network.addresses() })
  await connected(a, b)
  return [a, b]
}

/** Resolves once two nodes have each other. */
export async function connected(a: TestNode, b: TestNode): Promise<void> {
  await a.until(() => a.isUp(b.network.peer), 'the first node sees the second')
  await b.until(() => b.isUp(a.network.peer), 'the second node sees the first')
}

/** A message that is told apart by a number. */
export function numbered(lsn: number): Envelope {
  return { lsn, message: { type: 'goodbye' } }
}

/** A logger that keeps only errors, as the text that a user would read. */
export function recordErrors(errors: string[]): ComponentLogger {
  const forComponent = (name: string): Logger => {
    const log = (): void => {}
    return Object.assign(log, {
      error: (format: unknown, ...rest: unknown[]) => {
        // libp2p logs what it recovers from; only our own lines are for users.
        if (!name.startsWith('meshwork:')) return
        let at = 0
        errors.push(String(format).replace(/%[a-zA-Z]/g, () => String(rest[at++])))
      },
      trace: () => {},
      enabled: true,
      newScope: (scope: string) => forComponent(`${name}:${scope}`),
    })
  }
  return { forComponent }
}
