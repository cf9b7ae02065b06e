import { readFile } from 'node:fs/promises'
import { Command, type OptionValues } from 'commander'
import { UsageError, oneLine } from './errors.ts'

/** Options that every command takes. */
export interface GlobalOptions {
  readonly json: boolean
  /** Absent if the user named none. */
  readonly mesh?: string | undefined
  readonly secretFile?: string | undefined
  readonly data: string
  readonly bootstrap: readonly string[]
  readonly mdns: boolean
}

/** The mesh of those who name none. */
export const defaultMesh = 'default'

/** Longest secret file, in bytes. */
const secretBytesMax = 4_096

/** A command with the options that every command takes. */
export function command(name: string, summary: string): Command {
  return new Command(name)
    .description(summary)
    .option('--json', 'print one JSON object per line')
    .option('--mesh <name>', `name of the mesh (default: "${defaultMesh}")`)
    .option('--secret-file <file>', 'file with the secret of the mesh (or MESHWORK_SECRET)')
    .option('--data <dir>', 'data directory of this node', '.meshwork')
    .option('--bootstrap <address>', 'multiaddr of a node of the mesh; may be repeated', append)
    .option('--no-mdns', 'do not look for nodes by mDNS')
}

/** Collects the values of an option that may be repeated. */
export function append(value: string, previous: readonly string[] = []): readonly string[] {
  return [...previous, value]
}

/** The global ones among a command's options, with what holds where nothing was said. */
export function globalOptions(options: OptionValues): GlobalOptions {
  const given = options as Partial<GlobalOptions> & Pick<GlobalOptions, 'data' | 'mdns'>
  return { ...given, json: given.json === true, bootstrap: given.bootstrap ?? [] }
}

/**
 * The mesh's secret from its file or the environment. Never from the command line, which every
 * user of the machine can read.
 *
 * @throws {UsageError} The file cannot be read, or is empty.
 */
export async function readSecret(
  options: GlobalOptions,
  env: Readonly<Record<string, string | undefined>>,
): Promise<string | undefined> {
  const file = options.secretFile
  if (file === undefined) return env['MESHWORK_SECRET'] || undefined
  let text: string
  try {
    text = await readFile(file, 'utf8')
  } catch (error) {
    throw new UsageError(`Secret file ${file} cannot be read: ${oneLine(error)}`, { cause: error })
  }
  const secret = text.trim()
  if (secret === '' || text.length > secretBytesMax) {
    throw new UsageError(`Secret file ${file} holds no secret; make one with meshwork secret`)
  }
  return secret
}
