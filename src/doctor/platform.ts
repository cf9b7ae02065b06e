import { existsSync } from 'node:fs'
import { release } from 'node:os'
import { type Finding, warning } from './finding.ts'

/** What tells on which system this process runs, and in what. */
export interface PlatformFacts {
  /** As in `process.platform`. */
  readonly platform: string
  /** Of the kernel, as in `os.release()`. */
  readonly release: string
  readonly env: Readonly<Record<string, string | undefined>>
  /** Which of `markerFiles` exist. */
  readonly files: readonly string[]
}

/** What other looks have shown and hints depend on. */
export interface PlatformContext {
  /** Addresses of this machine besides loopback. */
  readonly addresses: readonly string[]
  /** Whether another machine was heard by multicast. */
  readonly othersHeard: boolean
}

/** Files that only containers have. */
export const markerFiles = ['/.dockerenv', '/run/.containerenv'] as const

/** First kernel of macOS that asks whether a program may use the local network: that of 15. */
const darwinLocalNetworkMin = 24

/** Reads it of this machine. */
export function readPlatform(): PlatformFacts {
  return {
    platform: process.platform,
    release: release(),
    env: process.env,
    files: markerFiles.filter(file => existsSync(file)),
  }
}

/** Hints for systems on which multicast is known to end early; none for those where it does not. */
export function checkPlatform(facts: PlatformFacts, context: PlatformContext): Finding[] {
  if (context.othersHeard) return []
  if (isWsl(facts)) return [wslHint(context.addresses)]
  if (facts.env['KUBERNETES_SERVICE_HOST'] !== undefined) return [kubernetesHint]
  if (facts.files.length > 0 || facts.env['container'] !== undefined) return [containerHint]
  if (facts.platform === 'darwin') return [macHint(facts.release)]
  return facts.platform === 'win32' ? [windowsHint] : []
}

function isWsl({ platform, release, env }: PlatformFacts): boolean {
  return (
    platform === 'linux' && (/microsoft/i.test(release) || env['WSL_DISTRO_NAME'] !== undefined)
  )
}

const kubernetesHint = warning(
  'platform',
  'this is a pod of Kubernetes, and its networks carry no multicast',
  'use a headless service: --listen /ip4/0.0.0.0/tcp/4001 --bootstrap /dns4/SERVICE/tcp/4001',
)

const containerHint = warning(
  'platform',
  'this is a container, and bridges of Docker and Podman carry no multicast to the LAN',
  'start it with --network host; or publish a port (-p 4001:4001, --listen ' +
    '/ip4/0.0.0.0/tcp/4001) and name other nodes with --bootstrap',
)

const windowsHint = warning(
  'platform',
  'this is Windows, and its firewall asks once per program whether others may reach it',
  'allow Node on private networks in Windows Defender Firewall, and make this network private',
)

function wslHint(addresses: readonly string[]): Finding {
  // With NAT, its default, the virtual machine has one address out of 172.16.0.0/12.
  const nat = addresses.some(address => /^172\.(1[6-9]|2\d|3[01])\./.test(address))
  return warning(
    'platform',
    `this is WSL2${nat ? ' behind NAT' : ''}, and multicast of the LAN does not reach it`,
    'set networkingMode=mirrored under [wsl2] in %UserProfile%\\.wslconfig and run wsl --shutdown;' +
      ' or run the node on Windows, or name other nodes with --bootstrap',
  )
}

function macHint(release: string): Finding {
  const asks = Number.parseInt(release, 10) >= darwinLocalNetworkMin
  return warning(
    'platform',
    asks
      ? 'this is macOS, which lets a program use the local network only after it was allowed to'
      : 'this is macOS, whose firewall may block incoming connections',
    asks
      ? 'allow your terminal in System Settings, Privacy & Security, Local Network; in Network, ' +
          'Firewall, do not block all incoming connections'
      : 'in the settings of the firewall, allow node and do not block all incoming connections',
  )
}
