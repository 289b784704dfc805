import org.w3c.dom.Document;
import org.w3c.dom.Element;
import org.w3c.dom.Node;

import java.io.File;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;

import javax.xml.parsers.DocumentBuilderFactory;

/**
 * Writes what Gradle reads beside the POM: the same dependencies, and the natives of each platform,
 * which hang on profiles in the POM that Gradle passes over. Gradle Module Metadata 1.1, see the
 * specification in Gradle's documentation.
 *
 * <p>A project that says nothing of its platform gets the natives of all, one that asks by the
 * attributes {@code org.gradle.native.operatingSystem} and {@code architecture} those of its own:
 * of several variants Gradle prefers the one without attributes that were not asked for.
 *
 * <pre>java src/build/GradleMetadata.java POM MODULE</pre>
 */
public final class GradleMetadata {
    /** The names of platforms in the POM's profiles and in Gradle. */
    private static final Map<String, String> PLATFORMS =
            Map.of(
                    "linux-x86_64", "linux/x86-64",
                    "linux-arm64", "linux/aarch64",
                    "windows-x86_64", "windows/x86-64",
                    "macosx-arm64", "macos/aarch64");

    private record Dependency(
            String group,
            String module,
            String version,
            String classifier,
            String scope,
            boolean optional,
            List<String> excludes) {
        boolean isApi() {
            return scope.equals("compile") && !optional;
        }

        boolean isRuntime() {
            return (scope.equals("compile") || scope.equals("runtime")) && !optional;
        }

        String json() {
            String json =
                    "{\"group\": \"%s\", \"module\": \"%s\", \"version\": {\"requires\": \"%s\"}";
            json = json.formatted(group, module, version);
            if (!excludes.isEmpty()) {
                json += ", \"excludes\": [" + String.join(", ", excludes) + "]";
            }
            if (!classifier.isEmpty()) {
                json +=
                        (", \"thirdPartyCompatibility\": {\"artifactSelector\": {\"name\": \"%s\","
                                        + " \"type\": \"jar\", \"extension\": \"jar\","
                                        + " \"classifier\": \"%s\"}}")
                                .formatted(module, classifier);
            }
            return json + "}";
        }
    }

    private final Element project;
    private final Map<String, String> properties;

    private GradleMetadata(Document pom) {
        project = pom.getDocumentElement();
        properties =
                children(child(project, "properties"))
                        .collect(Collectors.toMap(Element::getTagName, Element::getTextContent));
    }

    public static void main(String[] args) throws Exception {
        Document pom =
                DocumentBuilderFactory.newInstance().newDocumentBuilder().parse(new File(args[0]));
        Files.writeString(Path.of(args[1]), new GradleMetadata(pom).json());
    }

    private String json() {
        List<Dependency> all = dependencies(project);
        List<Dependency> runtime = all.stream().filter(Dependency::isRuntime).toList();
        List<Dependency> everywhere = new ArrayList<>(runtime);
        List<String> variants = new ArrayList<>();
        String jar = file("");
        children(child(project, "profiles"))
                .filter(profile -> PLATFORMS.containsKey(text(profile, "id")))
                .forEach(
                        profile -> {
                            List<Dependency> natives =
                                    dependencies(profile).stream()
                                            .filter(Dependency::isRuntime)
                                            .toList();
                            everywhere.addAll(natives);
                            String[] platform = PLATFORMS.get(text(profile, "id")).split("/");
                            variants.add(
                                    variant(
                                            text(profile, "id") + "-runtimeElements",
                                            library("java-runtime")
                                                    + attribute(
                                                            "org.gradle.native.operatingSystem",
                                                            platform[0])
                                                    + attribute(
                                                            "org.gradle.native.architecture",
                                                            platform[1]),
                                            Stream.concat(runtime.stream(), natives.stream())
                                                    .toList(),
                                            jar));
                        });
        if (variants.size() != PLATFORMS.size()) {
            throw new IllegalStateException("the POM has no profile for each of " + PLATFORMS);
        }
        List<Dependency> api = all.stream().filter(Dependency::isApi).toList();
        variants.addFirst(variant("runtimeElements", library("java-runtime"), everywhere, jar));
        variants.addFirst(variant("apiElements", library("java-api"), api, jar));
        for (String documents : List.of("sources", "javadoc")) {
            String attributes =
                    attribute("org.gradle.usage", "java-runtime")
                            + attribute("org.gradle.category", "documentation")
                            + attribute("org.gradle.docstype", documents)
                            + attribute("org.gradle.dependency.bundling", "external");
            variants.add(
                    variant(documents + "Elements", attributes, List.of(), file("-" + documents)));
        }
        return """
        {
          "formatVersion": "1.1",
          "component": {"group": "%s", "module": "%s", "version": "%s"},
          "variants": [
        %s
          ]
        }
        """
                .formatted(
                        text(project, "groupId"),
                        text(project, "artifactId"),
                        text(project, "version"),
                        String.join(",\n", variants));
    }

    private String library(String usage) {
        return attribute("org.gradle.usage", usage)
                + attribute("org.gradle.category", "library")
                + attribute("org.gradle.libraryelements", "jar")
                + attribute("org.gradle.dependency.bundling", "external")
                + "\"org.gradle.jvm.version\": "
                + properties.get("jdk.release")
                + ", ";
    }

    private static String attribute(String name, String value) {
        return "\"" + name + "\": \"" + value + "\", ";
    }

    private String file(String suffix) {
        String name =
                text(project, "artifactId") + "-" + text(project, "version") + suffix + ".jar";
        return "{\"name\": \"" + name + "\", \"url\": \"" + name + "\"}";
    }

    private static String variant(
            String name, String attributes, List<Dependency> dependencies, String file) {
        return """
            {
              "name": "%s",
              "attributes": {%s},
              "dependencies": [%s],
              "files": [%s]
            }"""
                .indent(4)
                .stripTrailing()
                .formatted(
                        name,
                        attributes.substring(0, attributes.length() - 2),
                        dependencies.stream()
                                .map(d -> "\n        " + d.json())
                                .collect(Collectors.joining(",")),
                        file);
    }

    private List<Dependency> dependencies(Element parent) {
        return children(child(parent, "dependencies"))
                .map(
                        d ->
                                new Dependency(
                                        text(d, "groupId"),
                                        text(d, "artifactId"),
                                        text(d, "version"),
                                        text(d, "classifier"),
                                        text(d, "scope").isEmpty() ? "compile" : text(d, "scope"),
                                        text(d, "optional").equals("true"),
                                        children(child(d, "exclusions"))
                                                .map(GradleMetadata::exclude)
                                                .toList()))
                .toList();
    }

    private static String exclude(Element exclusion) {
        return "{\"group\": \"%s\", \"module\": \"%s\"}"
                .formatted(
                        child(exclusion, "groupId").getTextContent(),
                        child(exclusion, "artifactId").getTextContent());
    }

    /** The text of a child with the POM's properties put in; empty when there is none. */
    private String text(Element parent, String name) {
        Element child = child(parent, name);
        if (child == null) {
            return "";
        }
        return Pattern.compile("\\$\\{([^}]*)}")
                .matcher(child.getTextContent().strip())
                .replaceAll(m -> Matcher.quoteReplacement(properties.get(m.group(1))));
    }

    private static Element child(Element parent, String name) {
        return children(parent).filter(e -> e.getTagName().equals(name)).findFirst().orElse(null);
    }

    private static Stream<Element> children(Element parent) {
        List<Element> children = new ArrayList<>();
        for (Node n = parent == null ? null : parent.getFirstChild();
                n != null;
                n = n.getNextSibling()) {
            if (n instanceof Element element) {
                children.add(element);
            }
        }
        return children.stream();
    }
}
