import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { ScalarType, createFileRegistry, fromBinary } from '@bufbuild/protobuf'
import type { DescEnum, DescField, DescMessage } from '@bufbuild/protobuf'
import { FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt'

/*
 * Makes, from src/wire/meshwork.proto and without a network, the schema that the codec reads
 * field numbers and types from, and the reference codec that tests hold it to. With `--check` it
 * only says, by its exit code, whether both are up to date.
 */

const run = promisify(execFile)
const root = fileURLToPath(new URL('..', import.meta.url))
const protoDir = join(root, 'src/wire')
const modules = join(root, 'node_modules')

/** Longest time that a generator may take, in milliseconds. */
const timeoutMs = 60_000

/** What is generated, by its path within the repository. Erasable TypeScript, formatted. */
export async function generate(): Promise<Map<string, string>> {
  const out = await mkdtemp(join(tmpdir(), 'meshwork-generate-'))
  try {
    await buf(out, 'generate', protoDir, '-o', out, '--template', JSON.stringify(template))
    await buf(out, 'build', protoDir, '-o', join(out, 'image.binpb'))
    const schema = join(out, 'schema.ts')
    await writeFile(schema, schemaOf(await readFile(join(out, 'image.binpb'))))
    const codec = join(out, 'meshwork_pb.ts')
    await node(out, 'oxfmt/bin/oxfmt', '-c', join(root, '.oxfmtrc.json'), schema, codec)
    return new Map([
      ['src/wire/generated/schema.ts', await readFile(schema, 'utf8')],
      ['test/wire/generated/meshwork_pb.ts', await readFile(codec, 'utf8')],
    ])
  } finally {
    await rm(out, { recursive: true, force: true })
  }
}

const template = {
  version: 'v2',
  plugins: [
    {
      local: [process.execPath, join(modules, '@bufbuild/protoc-gen-es/bin/protoc-gen-es')],
      out: '.',
      opt: ['target=ts', 'import_extension=ts', 'erasable_syntax=true'],
    },
  ],
}

async function buf(cwd: string, ...args: string[]): Promise<void> {
  await node(cwd, '@bufbuild/buf/bin/buf', ...args)
}

async function node(cwd: string, script: string, ...args: string[]): Promise<void> {
  const env = { ...process.env, BUF_CACHE_DIR: join(cwd, 'cache') }
  await run(process.execPath, [join(modules, script), ...args], { timeout: timeoutMs, env, cwd })
}

/** Messages and enums of a compiled .proto as plain data. */
function schemaOf(image: Uint8Array): string {
  const registry = createFileRegistry(fromBinary(FileDescriptorSetSchema, image))
  const messages: Record<string, unknown> = {}
  const enums: Record<string, unknown> = {}
  for (const desc of registry) {
    if (desc.kind === 'message') messages[desc.name] = fieldsOf(desc)
    if (desc.kind === 'enum') enums[enumName(desc)] = numbersOf(desc)
  }
  return `/* Made from meshwork.proto by scripts/generate.ts: npm run generate */

/** Fields of each message: number, type, and the \`oneof\` that they are a member of. */
export const schema = ${JSON.stringify(messages)} as const

/** Numbers of the words of each enum; '' is for none. */
export const enums = ${JSON.stringify(enums)} as const
`
}

function fieldsOf(message: DescMessage): Record<string, unknown> {
  return Object.fromEntries(
    message.fields.map(field => {
      const oneof = field.oneof === undefined ? [] : [field.oneof.name]
      return [field.localName, [field.number, typeOf(field), ...oneof]]
    }),
  )
}

function typeOf(field: DescField): string {
  if (field.fieldKind === 'map') throw new TypeError(`${field.name} is a map`)
  const list = field.fieldKind === 'list' ? '[]' : ''
  if (field.message !== undefined) return field.message.name + list
  return (field.scalar === undefined ? 'enum' : ScalarType[field.scalar].toLowerCase()) + list
}

/** `ValueKind` as `valueKind`. */
function enumName(desc: DescEnum): string {
  return desc.name.replace(/^./, first => first.toLowerCase())
}

/** `REFUSAL_REASON_NOT_DUE` as `not-due`, and the `..._UNSPECIFIED` that 0 is as ''. */
function numbersOf(desc: DescEnum): Record<string, number> {
  return Object.fromEntries(
    desc.values.map(({ localName, number }) => [
      number === 0 ? '' : localName.toLowerCase().replaceAll('_', '-'),
      number,
    ]),
  )
}

if (import.meta.main) {
  for (const [path, code] of await generate()) {
    const file = join(root, path)
    if (!process.argv.includes('--check')) {
      await mkdir(dirname(file), { recursive: true })
      await writeFile(file, code)
    } else if (code !== (await readFile(file, 'utf8'))) {
      console.error(`${path} is not up to date: npm run generate`)
      process.exitCode = 1
    }
  }
}
