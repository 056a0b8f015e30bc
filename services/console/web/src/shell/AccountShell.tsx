import { Outlet } from '@tanstack/react-router'
import { PlainShell } from './PlainShell'

/** Everything below `/account`. */
export const AccountShell = () => (
  <PlainShell>
    <Outlet />
  </PlainShell>
)
