import { useQuery } from '@tanstack/react-query'
import { devicesQuery } from '@/control/queries'
import type { Device } from '@/control/types'
import { Button } from '@/kit/Button'
import { Loaded } from '@/kit/Loaded'
import { Note } from '@/kit/Note'
import { StatusBadge } from '@/kit/StatusBadge'
import { Time } from '@/kit/Time'
import { controlCall, path } from '@/lib/api'
import { useChange } from '@/lib/useChange'
import { t } from '@/strings'
import { account as accountTexts } from '@/strings/account'

const words = accountTexts.sessions
type Verb = keyof typeof words.done

/** The person's devices: those that wait are approved here, from one that is approved. */
export function Devices() {
  const query = useQuery({ ...devicesQuery, refetchInterval: 10_000 })
  return (
    <Loaded query={query} failed={words.devicesFailed} block lines={2}>
      {(devices) => (
        <div className="grid gap-3">
          {devices.some(({ state }) => state === 'pending') && <Note kind="caution">{words.notYou}</Note>}
          {devices.length === 0 && <p className="text-13 text-muted">{words.noDevices}</p>}
          <ul>
            {devices.map((device) => (
              <DeviceRow key={device.id} device={device} />
            ))}
          </ul>
        </div>
      )}
    </Loaded>
  )
}

function DeviceRow({ device }: { device: Device }) {
  const own = path('account', 'devices', device.id)
  const change = useChange((verb: Verb) => (verb === 'forget' ? controlCall(own, { method: 'DELETE' }) : controlCall(`${own}/${verb}`, { method: 'POST' })), {
    stale: [['account', 'devices']],
    done: (_, verb) => words.done[verb],
  })
  const isPending = device.state === 'pending'
  return (
    <li className="flex flex-wrap items-center gap-x-6 gap-y-2 border-b border-line py-2.5 text-13 last:border-b-0">
      <span className="min-w-0 flex-1 basis-60">
        <span className="font-medium">{device.label || words.unknownDevice}</span>
        <span className="block text-12 text-muted">
          <span className="font-mono">{device.address ?? t.common.none}</span>, <Time at={device.requested_at} />
        </span>
        {change.failure && <span className="block text-12 text-danger">{change.failure.problem.detail}</span>}
      </span>
      <StatusBadge look={isPending ? 'caution' : 'active'}>{isPending ? words.waiting : words.approved}</StatusBadge>
      <span className="flex justify-end gap-2 wide:w-40">
        {isPending ? (
          <>
            <Button size="row" disabled={change.isBusy} onClick={() => change.run('refuse')}>
              {words.refuse}
            </Button>
            <Button size="row" kind="primary" disabled={change.isBusy} onClick={() => change.run('approve')}>
              {words.approve}
            </Button>
          </>
        ) : (
          <Button size="row" kind="reversible" disabled={change.isBusy} onClick={() => change.run('forget')}>
            {words.forget}
          </Button>
        )}
      </span>
    </li>
  )
}
