import { connect } from 'node:net'
import type { Connection } from '@libp2p/interface'
import { TokenBucket } from './token-bucket.ts'

/** Whether a peer could be reached at a port of the host that its connection comes from. */
export interface DialBack {
  /** The multiaddr that was tried. */
  readonly address: string
  readonly reached: boolean
}

export interface DialBacksInit {
  readonly connection: (peer: string) => Connection | undefined
  /** How long one attempt may take, in milliseconds. */
  readonly limitMs?: number
}

/** Attempts for all peers together: a person asks for them, and seldom. */
const perSecond = 0.5
const burst = 8
const atOnceMax = 4
const limitMsDefault = 2_000

/**
 * Tries whether peers can be reached, for those who ask. Only the host that the peer is connected
 * from is ever tried, so nobody can have a node knock on somebody else's door.
 */
export class DialBacks {
  readonly #init: DialBacksInit
  readonly #bucket = new TokenBucket({ perSecond, burst, now: performance.now() })
  #running = 0

  constructor(init: DialBacksInit) {
    this.#init = init
  }

  /** Connects once and hangs up; `undefined` where that cannot be tried, or too often was. */
  async dialBack(peer: string, port: number): Promise<DialBack | undefined> {
    const remote = this.#init.connection(peer)?.remoteAddr
    const [host, transport] = remote?.getComponents() ?? []
    if (host?.value === undefined || transport?.name !== 'tcp') return undefined
    if (host.name !== 'ip4' && host.name !== 'ip6') return undefined
    if (!Number.isInteger(port) || port < 1 || port > 65_535) return undefined
    if (this.#running >= atOnceMax || this.#bucket.take(performance.now()) > 0) return undefined
    this.#running++
    try {
      const address = `/${host.name}/${host.value}/tcp/${port}`
      const limitMs = this.#init.limitMs ?? limitMsDefault
      return { address, reached: await answers(host.value, port, limitMs) }
    } finally {
      this.#running--
    }
  }
}

/** Whether somebody accepts a TCP connection in time. */
async function answers(host: string, port: number, limitMs: number): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>()
  const socket = connect({ host, port })
  const timer = setTimeout(() => resolve(false), limitMs)
  socket.once('connect', () => resolve(true))
  socket.on('error', () => resolve(false))
  try {
    return await promise
  } finally {
    clearTimeout(timer)
    socket.destroy()
  }
}
