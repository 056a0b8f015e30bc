//! What a proxy in front of an Integration API is told, written from the real settings.

use poem_openapi::Object;
use url::Url;

/// Settings of proxies, to copy.
#[derive(Debug, Clone, Object)]
pub struct Snippets {
    /// A file of Traefik's dynamic configuration.
    pub traefik: String,
    /// A Caddyfile.
    pub caddy: String,
    /// A server of nginx.
    pub nginx: String,
    /// Envoy's routes and clusters.
    pub envoy: String,
}

/// What a proxy has to know.
struct Place {
    /// `api-staging`.
    name: String,
    /// The host that programs name.
    host: String,
    /// Where the API listens.
    upstream_host: String,
    upstream_port: u16,
}

impl Snippets {
    /// For the API of one environment: `public_url` as programs name it, `api_url` as the console, and so a proxy, reaches it.
    pub fn new(environment: &str, public_url: &str, api_url: &str) -> Option<Self> {
        let (public, own) = (Url::parse(public_url).ok()?, Url::parse(api_url).ok()?);
        let place = Place {
            name: format!("claviger-{environment}"),
            host: public.host_str()?.to_owned(),
            upstream_host: own.host_str()?.to_owned(),
            upstream_port: own.port_or_known_default()?,
        };
        Some(Self { traefik: place.traefik(), caddy: place.caddy(), nginx: place.nginx(), envoy: place.envoy() })
    }
}

impl Place {
    fn fill(&self, template: &str) -> String {
        template
            .replace("NAME", &self.name)
            .replace("UPSTREAM_HOST", &self.upstream_host)
            .replace("UPSTREAM_PORT", &self.upstream_port.to_string())
            .replace("HOST", &self.host)
    }

    fn traefik(&self) -> String {
        self.fill(TRAEFIK)
    }

    fn caddy(&self) -> String {
        self.fill(CADDY)
    }

    fn nginx(&self) -> String {
        self.fill(NGINX)
    }

    fn envoy(&self) -> String {
        self.fill(ENVOY)
    }
}

const TRAEFIK: &str = r#"http:
  routers:
    NAME:
      rule: "Host(`HOST`)"
      entryPoints: [websecure]
      service: NAME
      tls: {}
  services:
    NAME:
      loadBalancer:
        servers:
          - url: "http://UPSTREAM_HOST:UPSTREAM_PORT"
        healthCheck:
          path: /health/ready
          interval: 5s
"#;

const CADDY: &str = "HOST {
	reverse_proxy UPSTREAM_HOST:UPSTREAM_PORT {
		health_uri /health/ready
		health_interval 5s
	}
}
";

const NGINX: &str = r"upstream NAME {
    server UPSTREAM_HOST:UPSTREAM_PORT;
    keepalive 32;
}
server {
    listen 443 ssl;
    server_name HOST;
    ssl_certificate     /etc/ssl/HOST.crt;
    ssl_certificate_key /etc/ssl/HOST.key;
    client_max_body_size 4m;
    location / {
        proxy_pass http://NAME;
        proxy_http_version 1.1;
        proxy_set_header Connection '';
        proxy_set_header Host $host;
        proxy_set_header X-Forwarded-For $remote_addr;
    }
}
";

const ENVOY: &str = r#"static_resources:
  listeners:
    - name: NAME
      address: {socket_address: {address: 0.0.0.0, port_value: 8443}}
      filter_chains:
        - filters:
            - name: envoy.filters.network.http_connection_manager
              typed_config:
                "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
                stat_prefix: NAME
                use_remote_address: true
                route_config:
                  virtual_hosts:
                    - name: NAME
                      domains: ["HOST", "HOST:*"]
                      routes:
                        - match: {prefix: "/"}
                          route: {cluster: NAME}
                http_filters:
                  - name: envoy.filters.http.router
                    typed_config:
                      "@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router
  clusters:
    - name: NAME
      type: STRICT_DNS
      load_assignment:
        cluster_name: NAME
        endpoints:
          - lb_endpoints:
              - endpoint:
                  address: {socket_address: {address: UPSTREAM_HOST, port_value: UPSTREAM_PORT}}
"#;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_snippet_names_the_real_host_and_port() {
        let snippets = Snippets::new("staging", "https://api.example.com", "http://10.0.0.7:3013").unwrap();
        for text in [&snippets.traefik, &snippets.caddy, &snippets.nginx, &snippets.envoy] {
            assert!(text.contains("api.example.com") && text.contains("10.0.0.7") && text.contains("3013"), "{text}");
            assert!(!text.contains("UPSTREAM") && !text.contains("NAME") && !text.contains("HOST"), "{text}");
        }
        assert!(Snippets::new("staging", "nonsense", "http://10.0.0.7").is_none());
    }
}
