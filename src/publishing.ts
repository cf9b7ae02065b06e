import { InvalidParametersError } from '@libp2p/interface'
import type { StandardSchemaV1 } from '@standard-schema/spec'
import type { TaskSpec } from './core/messages.ts'
import { timingAfter } from './core/timing.ts'
import { isByteSource } from './blobs/chunks.ts'
import type { LargeValue } from './blobs/large-value.ts'
import { type Columns, encodeInput, encodeInputs } from './encode.ts'
import { InvalidInputError } from './errors.ts'
import { LargeInputs, type PublishBlobs } from './large-inputs.ts'
import { abortable, type Placed, Publisher, type PublisherPort } from './publish.ts'
import { maxVoters } from './wire/limits.ts'
import { planPublish, type PublishOptions, type PublishPlan } from './publish-options.ts'
import { turn, type Timers } from './time/timers.ts'
import type { TaskDefaults } from './worker/definition.ts'

/** What a publish takes from a definition. */
export interface Publishable extends TaskDefaults {
  /** The queue. */
  readonly name: string
  readonly input?: StandardSchemaV1 | undefined
}

/** What publishing needs of its node. */
export interface PublishingInit extends PublisherPort {
  /** The defaults of the queues that this node has definitions of. */
  readonly definitions: ReadonlyMap<string, TaskDefaults>
  /** Where inputs go that no record can hold; without it they are refused. */
  readonly blobs?: PublishBlobs | undefined
  /** Called when tasks are published that nobody known will run. */
  onUnserved(queue: string): void
  /** Voters of a ledger; not known where another node publishes. */
  readonly voters?: number | undefined
  /** Nodes known to serve a queue. */
  servers(queue: string): number
}

/** Specs that are kept, so that equal ones are the same object. */
const specsMax = 1_000

/** Inputs that are checked before the event loop gets its chance. */
const checkedAtOnceMax = 1_000

/** Shortest time between two warnings about one queue, in milliseconds. */
const unservedEveryMs = 30_000

/** Checks, encodes and publishes what callers give. */
export class Publishing extends Publisher {
  readonly #init: PublishingInit
  readonly #specs = new Map<string, TaskSpec>()
  readonly #warnedAt = new Map<string, number>()

  constructor(init: PublishingInit) {
    super(init)
    this.#init = init
  }

  /** Publishes one input. */
  async one(task: Publishable | string, input: unknown, options: PublishOptions): Promise<Placed> {
    options.signal?.throwIfAborted()
    const plan = this.#plan(task, options)
    const { queue } = plan.spec
    if (typeof task === 'object' && task.input !== undefined) {
      const checking = check(task.input, queue, input, 0)
      if (checking !== undefined) await checking
    }
    if (this.#init.blobs !== undefined && isByteSource(input)) {
      return (await this.#publishAll(plan, [input], options))[0] as Placed
    }
    const text = encodeInput(queue, input, 0)
    if (typeof text !== 'string' || plan.key !== undefined) {
      return (await this.#publishAll(plan, [input], options))[0] as Placed
    }
    const bytes = Buffer.byteLength(text)
    this.#noticeUnserved(queue)
    if (this.#init.room !== undefined) await abortable(this.#init.room, options.signal)
    return await abortable(this.publishOne(plan, text, bytes), options.signal)
  }

  /** Publishes inputs in their order, or none of them. */
  async many(
    task: Publishable | string,
    inputs: readonly unknown[],
    options: PublishOptions,
  ): Promise<Placed[]> {
    options.signal?.throwIfAborted()
    const plan = this.#plan(task, options)
    const { queue } = plan.spec
    if (!Array.isArray(inputs)) {
      throw new InvalidParametersError('publishMany takes a list of inputs')
    }
    if (plan.key !== undefined && inputs.length !== 1) {
      const count = `${inputs.length} tasks`
      throw new InvalidParametersError(`key names one task, not ${count}; publish them one by one`)
    }
    if (typeof task === 'object' && task.input !== undefined) {
      await checkAll(task.input, queue, inputs, this.timers)
    }
    return this.#publishAll(plan, inputs, options)
  }

  /** Nothing is published before all is encoded, and what is large is where it has to be. */
  async #publishAll(
    given: PublishPlan,
    inputs: readonly unknown[],
    options: PublishOptions,
  ): Promise<Placed[]> {
    const { blobs } = this.#init
    const { queue } = given.spec
    const { signal } = options
    const ended = signal === undefined ? this.stopped : AbortSignal.any([signal, this.stopped])
    using large = blobs && new LargeInputs(blobs, queue, ended)
    const began = this.timers.now()
    const slices: Columns[] = []
    const keep = large && ((index: number, value: LargeValue) => large.keep(index, value))
    for await (const columns of encodeInputs(queue, inputs, keep)) {
      slices.push(columns)
      await turn(this.timers)
    }
    if (slices.length === 0) return []
    await large?.spread()
    const timing = timingAfter(given.timing, this.timers.now() - began)
    const places = await this.#publishSlices({ ...given, timing }, slices, options)
    await large?.confirm(places)
    return places
  }

  async #publishSlices(
    plan: PublishPlan,
    slices: readonly Columns[],
    options: PublishOptions,
  ): Promise<Placed[]> {
    this.#noticeUnserved(plan.spec.queue)
    const answers: Promise<Placed[]>[] = []
    for (const columns of slices) {
      await abortable(Promise.resolve(this.#init.room), options.signal)
      const answer = this.publishColumns(plan, columns, options.signal)
      // The first that fails is told below, when all are on their way.
      answer.catch(() => undefined)
      answers.push(answer)
      await turn(this.timers)
    }
    return (await Promise.all(answers)).flat()
  }

  #plan(task: Publishable | string, options: PublishOptions): PublishPlan {
    const queue: unknown = typeof task === 'string' ? task : task?.name
    if (typeof queue !== 'string') {
      throw new InvalidParametersError('publish takes a definition or the name of a queue')
    }
    const definition = typeof task === 'string' ? this.#init.definitions.get(queue) : task
    const plan = planPublish(queue, definition ?? {}, options, this.timers.wallNow())
    const { voters = maxVoters } = this.#init
    if (plan.copies > voters) {
      const asked = `copies is ${plan.copies}, and a ledger of this node has ${voters} voters`
      throw new InvalidParametersError(`${asked}; ask for fewer, or raise voters`)
    }
    return { ...plan, spec: this.#sameSpec(plan.spec) }
  }

  #sameSpec(spec: TaskSpec): TaskSpec {
    const key = JSON.stringify(spec)
    const known = this.#specs.get(key)
    if (known !== undefined) return known
    if (this.#specs.size >= specsMax) this.#specs.clear()
    this.#specs.set(key, spec)
    return spec
  }

  #noticeUnserved(queue: string): void {
    const now = this.timers.now()
    if (now - (this.#warnedAt.get(queue) ?? -Infinity) < unservedEveryMs) return
    if (this.#init.servers(queue) > 0) return
    if (this.#warnedAt.size >= specsMax) this.#warnedAt.clear()
    this.#warnedAt.set(queue, now)
    this.#init.onUnserved(queue)
  }
}

async function checkAll(
  schema: StandardSchemaV1,
  queue: string,
  inputs: readonly unknown[],
  timers: Timers,
): Promise<void> {
  for (const [index, input] of inputs.entries()) {
    const checking = check(schema, queue, input, index)
    if (checking !== undefined) await checking
    if (index % checkedAtOnceMax === checkedAtOnceMax - 1) await turn(timers)
  }
}

/** Refuses an input that its schema does. A promise only where the schema needs one. */
function check(
  schema: StandardSchemaV1,
  queue: string,
  input: unknown,
  index: number,
): Promise<void> | undefined {
  if (isByteSource(input)) {
    throw new InvalidInputError(queue, index, 'it is bytes, and a schema checks JSON')
  }
  const result = schema['~standard'].validate(input)
  if (result instanceof Promise) {
    return result.then(checked => refuse(checked, queue, index))
  }
  refuse(result, queue, index)
  return undefined
}

function refuse(result: StandardSchemaV1.Result<unknown>, queue: string, index: number): void {
  const issue = result.issues?.[0]
  if (issue === undefined) return
  const path = (issue.path ?? []).map(part => String(typeof part === 'object' ? part.key : part))
  const place = path.length === 0 ? '' : `${path.join('.')}: `
  throw new InvalidInputError(queue, index, `${place}${issue.message}`, { cause: result.issues })
}
