export function KeyPage() { return <h1>API Key</h1> }
