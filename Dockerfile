# One image for all servers: docker run cim [standalone|route|im-server|relay]. docs/install.md has what to set.
FROM node:20.20.2-bookworm-slim AS build
WORKDIR /src
COPY package.json package-lock.json ./
COPY apps apps
COPY libs libs
COPY scripts scripts
COPY docs docs
COPY deploy deploy
COPY LICENSE README.md CHANGELOG.md SECURITY.md compose.yaml Dockerfile ./
RUN npm ci --no-audit --no-fund --loglevel=error && node scripts/release.mjs --folder /release

FROM node:20.20.2-bookworm-slim
ENV NODE_ENV=production CIM_HOST=0.0.0.0 CIM_DATA_DIR=/data
COPY --from=build /release /opt/cim
# The user "node" of the image, as a number: Kubernetes sees that it is not root.
RUN mkdir /data && chown 1000:1000 /data
WORKDIR /opt/cim
USER 1000:1000
VOLUME /data
# Route, im-server. The internal ports 8081, 8082 and 8084 are for other servers and operators: publish none of them.
EXPOSE 8083 11211
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s CMD ["node", "/opt/cim/scripts/health.mjs"]
ENTRYPOINT ["node", "/opt/cim/scripts/run.mjs"]
CMD ["standalone"]
