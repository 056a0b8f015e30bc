import { useQuery } from '@tanstack/react-query'
import { memberDevicesQuery, ofOrganization } from '@/control/queries'
import type { MemberDevice } from '@/control/types'
import { Button } from '@/kit/Button'
import { Loaded } from '@/kit/Loaded'
import { Time } from '@/kit/Time'
import { controlCall } from '@/lib/api'
import { useChange } from '@/lib/useChange'
import { useOrganization } from '@/session/useOrganization'
import { settings as settingsTexts } from '@/strings/settings'

const words = settingsTexts.security

/** New devices of members that wait for somebody to approve them. */
export function WaitingDevices({ isOn }: { isOn: boolean }) {
  const { organization } = useOrganization()
  const query = useQuery({ ...memberDevicesQuery(organization.slug), refetchInterval: 15_000 })
  return (
    <Loaded query={query} failed={words.devicesFailed} block lines={2}>
      {(devices) => {
        const waiting = devices.filter(({ state }) => state === 'pending')
        if (waiting.length === 0) return <p className="text-13 text-muted">{isOn ? words.noDevices : words.approvalsOff}</p>
        return (
          <ul className="grid">
            {waiting.map((device) => (
              <WaitingDevice key={device.id} device={device} org={organization.slug} />
            ))}
          </ul>
        )
      }}
    </Loaded>
  )
}

function WaitingDevice({ device, org }: { device: MemberDevice; org: string }) {
  const act = useChange(
    (verb: 'approve' | 'refuse') => controlCall(ofOrganization(org, 'devices', device.id, verb), { method: 'POST' }),
    { stale: [['devices', org]], done: (_, verb) => (verb === 'approve' ? words.approved : words.refused) },
  )
  return (
    <li className="flex flex-wrap items-center gap-x-4 gap-y-2 border-b border-line py-2.5 text-13">
      <span className="min-w-0 flex-1">
        <span className="font-medium">{device.user?.email ?? device.label}</span>
        <span className="block text-12 text-muted">
          {[device.user && device.label, device.address].filter(Boolean).join(', ')} <Time at={device.requested_at} />
        </span>
        {act.failure && <span className="block text-12 text-danger">{act.failure.problem.detail}</span>}
      </span>
      <Button size="row" disabled={act.isBusy} onClick={() => act.run('refuse')}>
        {words.refuse}
      </Button>
      <Button size="row" kind="primary" disabled={act.isBusy} onClick={() => act.run('approve')}>
        {words.approve}
      </Button>
    </li>
  )
}
