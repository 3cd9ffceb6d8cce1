# jobbad on Debian 12. Without JOBBAD_REDIS it runs a Redis of its own, with the data in /var/lib/jobbad.
#
#   docker build -t jobbad .
#   docker run --read-only -p 127.0.0.1:8080:8080 -v jobbad:/var/lib/jobbad -e JOBBAD_INSECURE_NO_AUTH=true jobbad
#
# There is no authentication: publish the port to a loopback address, or put a proxy that asks for credentials in front.

FROM debian:12-slim AS build
COPY . /src
RUN cd /src && ./dev build

FROM debian:12-slim
RUN apt-get update \
 && apt-get install -y --no-install-recommends \
      libmicrohttpd12 libhiredis0.14 libjansson4 libnettle8 libutf8proc2 libuuid1 libuv1 redis-server curl \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --system --home-dir /var/lib/jobbad --shell /usr/sbin/nologin jobbad \
 && install -d -o jobbad -g jobbad -m 700 /var/lib/jobbad
COPY --from=build /src/build/release/server/jobbad /usr/local/bin/jobbad
USER jobbad
VOLUME /var/lib/jobbad
ENV JOBBAD_LISTEN=0.0.0.0:8080 JOBBAD_DATA_DIR=/var/lib/jobbad
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=3s CMD ["curl", "-fsS", "-o", "/dev/null", "http://127.0.0.1:8080/health/ready"]
ENTRYPOINT ["/usr/local/bin/jobbad"]
