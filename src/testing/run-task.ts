import { isByteSource } from '../blobs/chunks.ts'
import { encodeInput } from '../encode.ts'
import { InvalidInputError, InvalidParametersError } from '../errors.ts'
import type { ContextPublishOptions, TaskContext, TaskDefinition } from '../worker/definition.ts'
import { execute } from '../worker/execute.ts'
import { progressBody } from '../worker/reporter.ts'
import { checkInit } from './check-init.ts'

/** What a handler publishes while it is tried alone. */
export interface PublishedByHandler {
  readonly queue: string
  readonly input: unknown
  readonly options: ContextPublishOptions
}

/** What the context of a handler is like that is tried alone. */
export interface RunTaskOptions extends Partial<
  Pick<TaskContext, 'signal' | 'token' | 'attempt' | 'taskId' | 'node'>
> {
  /** Called with each progress value. */
  readonly onProgress?: ((value: unknown) => void) | undefined
  /** Called with each line that it logs. */
  readonly onLog?: ((line: string) => void) | undefined
  /** Called with each task that it publishes; none of them is run. */
  readonly onPublish?: ((published: PublishedByHandler) => void) | undefined
}

const optionNames: readonly (keyof RunTaskOptions)[] = [
  'signal',
  'token',
  'attempt',
  'taskId',
  'node',
  'onProgress',
  'onLog',
  'onPublish',
]

/** The name of a task that nobody has published. */
const soloTaskId = `${'0'.repeat(32)}-0`

/**
 * Runs one handler alone, without nodes: its input goes through JSON and its schema, its result
 * through JSON, as they would in a mesh. What the handler throws is thrown.
 *
 * @throws {InvalidInputError} The input is not JSON, or not what the definition asks for.
 * @throws {InvalidParametersError} The input is bytes, which need a node to be kept by, or what is
 *   given is no task.
 */
export async function runTask<Input, Output>(
  task: TaskDefinition<Input, Output>,
  input: NoInfer<Input>,
  options: RunTaskOptions = {},
): Promise<Output> {
  if (typeof (task as Partial<typeof task> | null)?.run !== 'function') {
    const given = typeof task === 'object' ? 'an object without run' : String(task)
    throw new InvalidParametersError(`runTask takes what defineTask has made, not ${given}`)
  }
  checkInit('runTask', options, optionNames)
  if (isByteSource(input)) {
    throw new InvalidParametersError('runTask takes JSON; try bytes with createTestCluster')
  }
  const checked = await task.input?.['~standard'].validate(input)
  const issue = checked?.issues?.[0]
  if (issue !== undefined) throw new InvalidInputError(task.name, 0, issue.message)
  const encoded = encodeInput(task.name, input, 0)
  if (typeof encoded !== 'string' && encoded.blobs.length > 0) {
    throw new InvalidParametersError('runTask takes JSON without blobs; try createTestCluster')
  }
  const payload = typeof encoded === 'string' ? encoded : encoded.text
  options.signal?.throwIfAborted()
  const result = await execute(task, { payload }, contextOf(options))
  if (isByteSource(result)) return result as Output
  const text = JSON.stringify(result) as string | undefined
  return JSON.parse(text ?? 'null') as Output
}

function contextOf(options: RunTaskOptions): TaskContext {
  const { onProgress, onLog, onPublish } = options
  let published = 0
  return {
    signal: options.signal ?? new AbortController().signal,
    token: options.token ?? 1,
    attempt: options.attempt ?? 1,
    taskId: options.taskId ?? soloTaskId,
    node: options.node ?? 'n0',
    progress: value => {
      const body = progressBody(value)
      onProgress?.(JSON.parse(body))
    },
    log: line => onLog?.(line),
    publish: async (task, input, publishOptions = {}) => {
      const queue = typeof task === 'string' ? task : task.name
      onPublish?.({ queue, input, options: publishOptions })
      published += 1
      return { id: `${'0'.repeat(32)}-${published}`, durable: false }
    },
  }
}
