/** A request that asks who the key is, in each language of the documentation. */
export function snippets(url: string, key: string) {
  const address = `${url.replace(/\/$/, '')}/v1/whoami`
  return {
    cURL: `curl ${address} \\\n  -H "Authorization: Bearer ${key}"`,
    JavaScript: `const response = await fetch("${address}", {\n  headers: { Authorization: "Bearer ${key}" },\n})\nconsole.log(await response.json())`,
    Python: `import requests\n\nresponse = requests.get(\n    "${address}",\n    headers={"Authorization": "Bearer ${key}"},\n)\nprint(response.json())`,
    Go: `request, _ := http.NewRequest("GET", "${address}", nil)\nrequest.Header.Set("Authorization", "Bearer ${key}")\nresponse, err := http.DefaultClient.Do(request)`,
    Rust: `let response = reqwest::Client::new()\n    .get("${address}")\n    .bearer_auth("${key}")\n    .send()\n    .await?;`,
  }
}
