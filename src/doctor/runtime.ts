import { type Finding, ok, problem, warning } from './finding.ts'

/** The process that a node would run in. */
export interface RuntimeFacts {
  /** As in `process.versions.node`. */
  readonly nodeVersion: string
  /** Files and sockets that it may open; Infinity without a limit, `undefined` if unknown. */
  readonly openFilesMax: number | undefined
}

/** Oldest Node that runs TypeScript modules as they are: that of `engines`. */
const nodeVersionMin = [22, 18] as const

/** Under this many open files a small mesh does not fit; under that, a large one. */
const openFilesMin = 256
const openFilesWanted = 1_024

/** Whether Node is new enough and may open enough. */
export function checkRuntime({ nodeVersion, openFilesMax }: RuntimeFacts): Finding[] {
  const [major = 0, minor = 0] = nodeVersion.split('.').map(Number)
  const [majorMin, minorMin] = nodeVersionMin
  const isOld = major < majorMin || (major === majorMin && minor < minorMin)
  const wanted = `${majorMin}.${minorMin}`
  const findings = [
    isOld
      ? problem(
          'node',
          `Node ${nodeVersion} is older than ${wanted}`,
          `install Node ${wanted} or later`,
        )
      : ok('node', `Node ${nodeVersion}`),
  ]
  if (openFilesMax === undefined || openFilesMax >= openFilesWanted) return findings
  const message = `this process may open only ${openFilesMax} files and sockets`
  const remedy = 'raise the limit: ulimit -n 4096, or LimitNOFILE=4096 in a systemd unit'
  const level = openFilesMax < openFilesMin ? problem : warning
  return [...findings, level('open-files', message, remedy)]
}

/** Reads it of this process. */
export function readRuntime(): RuntimeFacts {
  return { nodeVersion: process.versions.node, openFilesMax: openFilesMax() }
}

function openFilesMax(): number | undefined {
  // Newer than the types that are known of it.
  const report: NodeJS.ProcessReport & { excludeNetwork?: boolean } = process.report
  const { excludeNetwork = false } = report
  // Otherwise each address is looked up in the DNS.
  report.excludeNetwork = true
  try {
    const { userLimits } = report.getReport() as {
      readonly userLimits?: { readonly open_files?: { readonly soft?: unknown } }
    }
    const soft = userLimits?.open_files?.soft
    if (soft === 'unlimited') return Infinity
    return typeof soft === 'number' ? soft : undefined
  } finally {
    report.excludeNetwork = excludeNetwork
  }
}
