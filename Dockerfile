# syntax=docker/dockerfile:1
FROM golang:1.26-bookworm AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG VERSION=unknown
RUN CGO_ENABLED=0 go build -trimpath \
      -ldflags "-s -w -X github.com/prometheus/common/version.Version=${VERSION}" \
      -o /perfwatch ./cmd/perfwatch
RUN mkdir /data

# With a browser for probes of the kind page: docker build --target browser . The init ends what a browser leaves behind.
FROM debian:bookworm-slim AS browser
RUN apt-get update && apt-get install -y --no-install-recommends ca-certificates chromium-headless-shell fonts-liberation tini && \
      rm -rf /var/lib/apt/lists/*
COPY --from=build /perfwatch /bin/perfwatch
COPY perfwatch.yml /etc/perfwatch/perfwatch.yml
COPY --from=build --chown=65534:65534 /data /data
ENV HOME=/tmp
VOLUME /data
USER 65534:65534
EXPOSE 10095
HEALTHCHECK --interval=30s --timeout=3s --start-period=5s CMD ["/bin/perfwatch", "healthcheck"]
ENTRYPOINT ["/usr/bin/tini", "--", "/bin/perfwatch"]
CMD ["serve", "--config.file=/etc/perfwatch/perfwatch.yml", "--storage.path=/data"]

FROM scratch
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
COPY --from=build /perfwatch /bin/perfwatch
COPY perfwatch.yml /etc/perfwatch/perfwatch.yml
COPY --from=build --chown=65534:65534 /data /data
VOLUME /data
USER 65534:65534
EXPOSE 10095
HEALTHCHECK --interval=30s --timeout=3s --start-period=5s CMD ["/bin/perfwatch", "healthcheck"]
ENTRYPOINT ["/bin/perfwatch"]
CMD ["serve", "--config.file=/etc/perfwatch/perfwatch.yml", "--storage.path=/data"]
