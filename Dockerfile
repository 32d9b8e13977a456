# The image: one static binary on nothing, run by an unprivileged user, with one volume.
#   docker build -t hubtally .
#   docker run -d --name hubtally -p 8642:8642 -v hubtally:/data hubtally
# docs/container.md tells the rest.
ARG RUST_IMAGE=rust:1.95-slim-bookworm

FROM ${RUST_IMAGE} AS build
WORKDIR /src
COPY . .
# Naming the target keeps the flag away from build scripts and macros, which have to stay dynamic.
RUN target="$(rustc -vV | sed -n 's/^host: //p')" \
 && RUSTFLAGS="-C target-feature=+crt-static" cargo build --locked --release --bin hubtally --target "$target" \
 && mkdir -p /out/data && cp "target/$target/release/hubtally" /out/hubtally

FROM scratch
COPY --from=build /out/hubtally /hubtally
# Made here, because nothing in the image below could make it: a new named volume takes its owner from it.
COPY --from=build --chown=65532:65532 /out/data /data
USER 65532:65532
ENV HUBTALLY_DATA=/data HUBTALLY_LISTEN=0.0.0.0:8642
VOLUME /data
EXPOSE 8642
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=5s --start-period=10s --retries=3 CMD ["/hubtally", "healthcheck"]
ENTRYPOINT ["/hubtally"]
CMD ["serve"]
