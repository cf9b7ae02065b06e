import type { MeshNode } from '../index.ts'

/** Time between looks, in milliseconds. */
const lookMs = 500

/** A signal that is aborted when a node has moved no byte of a large input for some time. */
export class Stall implements Disposable {
  readonly #node: Pick<MeshNode, 'metrics'>
  readonly #controller = new AbortController()
  readonly #timer: NodeJS.Timeout
  #moved: number | undefined
  #movedAt = performance.now()

  constructor(node: Pick<MeshNode, 'metrics'>, timeoutMs: number) {
    this.#node = node
    this.#moved = this.#bytes()
    this.#timer = setInterval(() => this.#look(timeoutMs), Math.min(lookMs, timeoutMs))
  }

  get signal(): AbortSignal {
    return this.#controller.signal
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer)
  }

  #look(timeoutMs: number): void {
    const moved = this.#bytes()
    if (moved !== this.#moved) this.#movedAt = performance.now()
    this.#moved = moved
    if (performance.now() - this.#movedAt >= timeoutMs) this.#controller.abort()
  }

  #bytes(): number | undefined {
    return this.#node.metrics()['blobBytesMoved']
  }
}
