# The stand-alone server. Settings come from the environment (docs/reference/settings.md); nothing secret is in the image.

FROM node:22.14.0-bookworm-slim AS build
WORKDIR /build
COPY package.json package-lock.json ./
RUN npm ci --no-audit --no-fund
COPY tsconfig.json tsconfig.build.json ./
COPY src src
RUN npm run build

# The drivers of PostgreSQL and Redis are for those who use them, and so no dependencies of the package; here they are.
# With the lock file, so that all versions are the ones that were tested.
FROM node:22.14.0-bookworm-slim AS dependencies
WORKDIR /build
COPY package.json package-lock.json ./
RUN npm pkg set dependencies.pg="$(node -p 'require("./package.json").devDependencies.pg')" \
                dependencies.ioredis="$(node -p 'require("./package.json").devDependencies.ioredis')" \
 && npm pkg delete devDependencies peerDependencies \
 && npm install --no-audit --no-fund --ignore-scripts

FROM node:22.14.0-bookworm-slim
ENV NODE_ENV=production
WORKDIR /srv/countersign
COPY --from=dependencies /build/node_modules node_modules
COPY --from=build /build/dist dist
COPY package.json LICENSE ./
COPY bin bin
# Only the embedded database needs a place of its own; with PostgreSQL the file system can be read-only.
RUN mkdir data && chown node:node data
USER node
EXPOSE 4000
ENTRYPOINT ["node", "bin/countersign.js"]
CMD ["serve"]
