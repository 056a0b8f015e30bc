import type { Organization } from '@/control/types'
import { Button } from '@/kit/Button'
import { Dialog } from '@/kit/Dialog'
import { t } from '@/strings'
import { admin as adminTexts } from '@/strings/admin'
import { ProvisioningSteps } from './ProvisioningSteps'

const words = adminTexts.organizations

export const ProvisioningDialog = ({ organization, onClose }: { organization: Organization; onClose: () => void }) => (
  <Dialog open onClose={onClose} title={organization.name} subtitle={words.provisioning} foot={<Button onClick={onClose}>{t.common.close}</Button>}>
    <ProvisioningSteps organization={organization.id} />
  </Dialog>
)
