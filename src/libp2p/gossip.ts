import { TopicValidatorResult } from '@libp2p/gossipsub'
import type { GossipSub, Message } from '@libp2p/gossipsub'
import type { Logger } from '@libp2p/interface'
import type { Hint } from '../core/messages.ts'
import { maxHintBytes, maxHintsPerFrame } from '../wire/limits.ts'
import type { Codec } from './codec.ts'
import { toError } from './failures.ts'
import { HintQueue } from './hint-queue.ts'
import { TokenBucket } from './token-bucket.ts'

/** What is used of gossipsub, and an option that its interface leaves out. */
export type Pubsub = Omit<GossipSub, 'publish'> & {
  publish(
    topic: string,
    data: Uint8Array,
    options?: { floodPublish: boolean },
  ): ReturnType<GossipSub['publish']>
}

export interface GossipInit {
  readonly pubsub: Pubsub
  readonly topic: string
  readonly codec: Codec
  /** How long hints gather before they are published, in milliseconds. */
  readonly gatherMs: number
  readonly log: Logger
  readonly self: string
  readonly isAllowed: (peer: string) => boolean
  /** Number of connected peers. */
  readonly peers: () => number
  readonly onHints: (from: string, hints: readonly Hint[]) => void
  /** Nobody got a message although there are peers. */
  readonly onUnheard: () => void
}

export interface GossipHealth {
  /** Messages published and taken in, and hints thrown away because there were too many. */
  readonly published: number
  readonly received: number
  readonly rejected: number
  readonly dropped: number
}

/** Messages per second, signed and sent to everybody: what a mesh of many nodes can bear. */
const publishedPerSecond = 100
/** Up to so many peers a message goes to each of them directly. */
const floodPeersMax = 50

/** Publishes hints, many in one signed message, and hands out those of others. */
export class Gossip {
  readonly #init: GossipInit
  readonly #queue = new HintQueue()
  readonly #bucket: TokenBucket
  /** Hints of messages that have been checked and are about to be delivered. */
  readonly #checked = new WeakMap<Message, readonly Hint[]>()
  #timer: ReturnType<typeof setTimeout> | undefined
  #started = false
  #published = 0
  #received = 0
  #rejected = 0

  constructor(init: GossipInit) {
    this.#init = init
    const rate = { perSecond: publishedPerSecond, burst: publishedPerSecond }
    this.#bucket = new TokenBucket({ ...rate, now: performance.now() })
  }

  start(): void {
    const { pubsub, topic } = this.#init
    this.#started = true
    pubsub.topicValidators.set(topic, (_, message) => this.#check(message))
    pubsub.addEventListener('message', this.#deliver)
    pubsub.subscribe(topic)
  }

  stop(): void {
    if (!this.#started) return
    this.#started = false
    clearTimeout(this.#timer)
    const { pubsub, topic } = this.#init
    pubsub.removeEventListener('message', this.#deliver)
    pubsub.topicValidators.delete(topic)
    this.#queue.clear()
    // Its owner may have stopped it before, and then it has no topics any more.
    if (pubsub.getTopics().includes(topic)) pubsub.unsubscribe(topic)
  }

  publish(hints: readonly Hint[]): void {
    if (!this.#started) return
    for (const hint of hints) this.#queue.put(hint)
    const full = this.#queue.size >= maxHintsPerFrame
    if (this.#timer === undefined) this.#later(full ? 0 : this.#init.gatherMs)
  }

  health(): GossipHealth {
    return {
      published: this.#published,
      received: this.#received,
      rejected: this.#rejected,
      dropped: this.#queue.dropped,
    }
  }

  #later(ms: number): void {
    this.#timer = setTimeout(() => {
      this.#timer = undefined
      this.#flush()
    }, ms)
  }

  #flush(): void {
    while (this.#started && this.#queue.size > 0) {
      const waitMs = this.#bucket.take(performance.now())
      if (waitMs > 0) {
        this.#later(waitMs)
        return
      }
      this.#send(this.#queue.take(maxHintsPerFrame))
    }
  }

  /** Publishes hints as one message, or as two halves where they are too large for one. */
  #send(hints: readonly Hint[]): void {
    let data: Uint8Array
    try {
      data = this.#init.codec.encodeHints(hints)
    } catch (error) {
      if (hints.length > 1) {
        const half = hints.length >>> 1
        this.#send(hints.slice(0, half))
        this.#send(hints.slice(half))
      } else {
        this.#init.log.error('hint cannot be published - %s', toError(error).message)
      }
      return
    }
    void this.#publish(data)
  }

  async #publish(data: Uint8Array): Promise<void> {
    const { pubsub, topic, log, peers, onUnheard } = this.#init
    try {
      const floodPublish = peers() <= floodPeersMax
      const { recipients } = await pubsub.publish(topic, data, { floodPublish })
      this.#published++
      log.trace('published %d bytes of hints to %d peers', data.byteLength, recipients.length)
      if (recipients.length === 0 && peers() > 0) onUnheard()
    } catch (error) {
      log('publishing failed - %s', toError(error).message)
    }
  }

  /** Decides whether a message is taken in and passed on; the signature has been checked. */
  #check(message: Message): TopicValidatorResult {
    const { codec, isAllowed } = this.#init
    try {
      if (message.type !== 'signed') throw new Error('it is not signed')
      if (message.data.byteLength > maxHintBytes) throw new Error('it is too long')
      if (!isAllowed(message.from.toString())) throw new Error('its origin is not allowed')
      this.#checked.set(message, codec.decodeHints(message.data))
      return TopicValidatorResult.Accept
    } catch (error) {
      this.#rejected++
      this.#init.log('message of the topic is rejected - %s', toError(error).message)
      return TopicValidatorResult.Reject
    }
  }

  readonly #deliver = ({ detail }: CustomEvent<Message>): void => {
    const hints = this.#checked.get(detail)
    if (hints === undefined || detail.type !== 'signed') return
    const from = detail.from.toString()
    if (from === this.#init.self) return
    this.#received++
    this.#init.onHints(from, hints)
  }
}
