package org.densenet4j.cli;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;

import org.densenet4j.backend.Device;
import org.densenet4j.backend.DeviceException;
import org.densenet4j.backend.DeviceOptions;
import org.densenet4j.backend.DeviceProvider;
import org.densenet4j.backend.cuda.CudaCache;
import org.densenet4j.backend.cuda.CudaDriver;
import org.densenet4j.backend.cuda.CudaDriver.DeviceFacts;
import org.densenet4j.backend.cuda.CudaLibraries;
import org.densenet4j.backend.cuda.CudaLibrary;
import org.densenet4j.plan.Bytes;

import java.io.IOException;
import java.io.StringWriter;
import java.nio.file.Files;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.ServiceLoader;

/**
 * What {@code doctor} found, collected once and then written as text or JSON.
 *
 * @param backends in the order in which {@code best} tries them
 * @param driver of NVIDIA, with its devices
 * @param libraries of NVIDIA, found or not
 * @param incomplete libraries that were seen but lack a part
 * @param host processor, memory and JVM
 */
record Diagnosis(
        List<Backend> backends,
        Optional<CudaDriver> driver,
        List<LibraryFacts> libraries,
        List<String> incomplete,
        HostFacts host) {

    /**
     * A backend of this build.
     *
     * @param name as {@code --device} takes it
     * @param problem why it is unusable, with the fix
     * @param description of its device when it is usable
     */
    record Backend(String name, Optional<String> problem, String description) {}

    /**
     * A library of NVIDIA's.
     *
     * @param library which
     * @param found where, if anywhere
     * @param version as it reports itself
     * @param advice what its absence or damage means and what mends it
     */
    record LibraryFacts(
            CudaLibrary library,
            Optional<CudaLibraries.Found> found,
            Optional<String> version,
            Optional<String> advice) {}

    static Diagnosis ofThisMachine() {
        CudaLibraries cuda = CudaLibraries.find();
        List<Backend> backends = new ArrayList<>();
        List<DeviceProvider> providers =
                ServiceLoader.load(DeviceProvider.class).stream()
                        .map(ServiceLoader.Provider::get)
                        .sorted(Comparator.comparingInt(DeviceProvider::preference).reversed())
                        .toList();
        providers.forEach(provider -> backends.add(backend(provider)));
        if (backends.stream().noneMatch(b -> b.name().equals("cuda"))) {
            String reason = cuda.problem().orElse("this build has no CUDA backend");
            backends.add(0, new Backend("cuda", Optional.of(reason), ""));
        }
        List<LibraryFacts> libraries = new ArrayList<>();
        for (CudaLibrary library : CudaLibrary.values()) {
            Optional<String> version = cuda.version(library);
            libraries.add(
                    new LibraryFacts(
                            library, cuda.get(library), version, advice(cuda, library, version)));
        }
        return new Diagnosis(
                List.copyOf(backends),
                cuda.driver(),
                List.copyOf(libraries),
                cuda.incomplete(),
                HostFacts.ofThisMachine());
    }

    private static Backend backend(DeviceProvider provider) {
        Optional<String> problem = provider.problem();
        if (problem.isPresent()) {
            return new Backend(provider.name(), problem, "");
        }
        try (Device device = provider.open(DeviceOptions.defaults())) {
            return new Backend(provider.name(), Optional.empty(), device.description());
        } catch (DeviceException e) {
            return new Backend(provider.name(), Optional.of(e.getMessage()), "");
        }
    }

    private static Optional<String> advice(
            CudaLibraries cuda, CudaLibrary library, Optional<String> version) {
        if (cuda.get(library).isPresent()) {
            if (version.isPresent()) {
                return Optional.empty();
            }
            return library == CudaLibrary.DRIVER ? cuda.problem() : cuda.loadProblem(library);
        }
        if (library != CudaLibrary.DRIVER && cuda.get(CudaLibrary.DRIVER).isEmpty()) {
            return Optional.empty(); // Nothing but a driver helps.
        }
        return Optional.of(
                switch (library) {
                    case DRIVER ->
                            "install NVIDIA's driver 525 or newer; in a container: --gpus all";
                    case CUBLAS ->
                            "matrix products go through cuDNN; doctor --fetch-cuda brings cuBLAS 12";
                    case NVRTC -> "needed to compile kernels; doctor --fetch-cuda brings it";
                    case CUDNN -> "needed for convolutions; doctor --fetch-cuda brings it";
                });
    }

    /** Whether the device that {@code --device name} means works. */
    boolean works(String name) {
        return backends.stream()
                .anyMatch(
                        b ->
                                b.problem().isEmpty()
                                        && (name.equals("best") || name.equals(b.name())));
    }

    private Optional<Backend> best() {
        return backends.stream().filter(b -> b.problem().isEmpty()).findFirst();
    }

    String text() {
        StringBuilder out = new StringBuilder();
        section(out, "devices");
        for (Backend b : backends) {
            line(
                    out,
                    b.name(),
                    b.problem().map(p -> "does not work: " + p).orElse(b.description()));
        }
        line(
                out,
                "best",
                best().map(Backend::name).orElse("none works; see above for what mends them"));
        section(out, "cuda");
        for (LibraryFacts l : libraries) {
            String place = l.found().map(f -> f.path() + " (" + f.origin() + ")").orElse("");
            String version =
                    l.version()
                            .map(v -> l.library() == CudaLibrary.DRIVER ? "for CUDA " + v : v)
                            .orElse(l.found().isPresent() ? "does not load" : "not found");
            line(out, l.library().title(), (version + "  " + place).strip());
            l.advice().ifPresent(advice -> line(out, "", "-> " + advice));
        }
        for (DeviceFacts d : driver.map(CudaDriver::devices).orElse(List.of())) {
            line(
                    out,
                    "device " + d.index(),
                    d.name()
                            + ", "
                            + Bytes.format(d.memoryBytes())
                            + ", compute capability "
                            + d.capability()
                            + ", "
                            + d.multiprocessors()
                            + " multiprocessors");
        }
        incomplete.forEach(seen -> line(out, "incomplete", seen));
        line(
                out,
                "cache",
                CudaCache.folder()
                        + (Files.isDirectory(CudaCache.folder()) ? "" : " (not made yet)"));
        host.text((title, value) -> line(out, title, value), title -> section(out, title));
        return out.toString();
    }

    private static void section(StringBuilder out, String title) {
        out.append(out.isEmpty() ? "" : "\n").append(title).append('\n');
    }

    private static void line(StringBuilder out, String title, String value) {
        out.append(String.format(Locale.ROOT, "  %-15s %s%n", title, value));
    }

    String json() throws IOException {
        StringWriter text = new StringWriter();
        try (JsonGenerator out = new JsonFactory().createGenerator(text)) {
            out.useDefaultPrettyPrinter();
            out.writeStartObject();
            out.writeStringField("version", new Version().getVersion()[0]);
            out.writeStringField("best", best().map(Backend::name).orElse(null));
            out.writeArrayFieldStart("backends");
            for (Backend b : backends) {
                out.writeStartObject();
                out.writeStringField("name", b.name());
                out.writeBooleanField("works", b.problem().isEmpty());
                out.writeStringField("problem", b.problem().orElse(null));
                out.writeStringField(
                        "description", b.problem().isPresent() ? null : b.description());
                out.writeEndObject();
            }
            out.writeEndArray();
            out.writeArrayFieldStart("libraries");
            for (LibraryFacts l : libraries) {
                out.writeStartObject();
                out.writeStringField("name", l.library().title());
                out.writeBooleanField("found", l.found().isPresent());
                out.writeStringField("version", l.version().orElse(null));
                out.writeStringField("path", l.found().map(f -> f.path().toString()).orElse(null));
                out.writeStringField(
                        "origin", l.found().map(CudaLibraries.Found::origin).orElse(null));
                out.writeStringField("advice", l.advice().orElse(null));
                out.writeEndObject();
            }
            out.writeEndArray();
            out.writeArrayFieldStart("devices");
            for (DeviceFacts d : driver.map(CudaDriver::devices).orElse(List.of())) {
                out.writeStartObject();
                out.writeNumberField("index", d.index());
                out.writeStringField("name", d.name());
                out.writeNumberField("memoryBytes", d.memoryBytes());
                out.writeStringField("computeCapability", d.capability());
                out.writeNumberField("multiprocessors", d.multiprocessors());
                out.writeEndObject();
            }
            out.writeEndArray();
            out.writeArrayFieldStart("incomplete");
            for (String seen : incomplete) {
                out.writeString(seen);
            }
            out.writeEndArray();
            out.writeStringField("cache", CudaCache.folder().toString());
            host.json(out);
            out.writeEndObject();
        }
        return text.toString();
    }
}
