FROM node:24-slim AS build
WORKDIR /app
COPY package.json package-lock.json ./
# Without scripts: `prepare` would build before the sources are here.
RUN npm ci --ignore-scripts
COPY . .
RUN npm run build && npm prune --omit=dev --ignore-scripts

# No shell and no package manager: what breaks in finds no tools.
FROM gcr.io/distroless/nodejs24-debian12:nonroot AS jetfleet
ENV NODE_ENV=production
WORKDIR /app
COPY --from=build /app/package.json ./
COPY --from=build /app/node_modules ./node_modules
COPY --from=build /app/bin ./bin
COPY --from=build /app/dist ./dist
USER nonroot
EXPOSE 8080
# A server has its probes at 8080, and a worker with JETFLEET_HEALTH_PORT=8080.
HEALTHCHECK --interval=10s --timeout=4s --start-period=20s --retries=3 CMD ["/nodejs/bin/node", "bin/jetfleet.js", "healthcheck"]
# Node is process 1 and drains on SIGTERM itself; `docker stop --time 45` leaves it the time.
ENTRYPOINT ["/nodejs/bin/node", "bin/jetfleet.js"]
CMD ["--help"]

# The same with a nats-server beside it, for `jetfleet demo` and `jetfleet dev`.
FROM nats:2.15-alpine AS broker

FROM jetfleet AS demo
COPY --from=broker /usr/local/bin/nats-server /usr/local/bin/nats-server
ENV NATS_SERVER_BIN=/usr/local/bin/nats-server
HEALTHCHECK NONE
CMD ["demo"]

FROM jetfleet
