package org.densenet4j.download;

import org.w3c.dom.Document;
import org.w3c.dom.Element;
import org.w3c.dom.NodeList;
import org.xml.sax.SAXException;

import java.io.IOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

import javax.xml.XMLConstants;
import javax.xml.parsers.DocumentBuilderFactory;
import javax.xml.parsers.ParserConfigurationException;

/**
 * The address of Maven Central as Maven itself would choose it: the first mirror in the user's or
 * the installation's {@code settings.xml} that stands for {@code central} (Maven's guide to mirror
 * settings), else Central.
 */
public final class MavenRepository {
    /** Maven's built-in address of the repository {@code central}. */
    static final URI CENTRAL = URI.create("https://repo.maven.apache.org/maven2");

    private static final Pattern VARIABLE = Pattern.compile("\\$\\{(env\\.)?([^}]+)}");

    private MavenRepository() {}

    /**
     * The repository for this user.
     *
     * @param given an address given by the user; null to find it
     * @throws IOException when the address or a settings file is not readable, in one line
     */
    public static URI find(String given) throws IOException {
        return given != null ? address(given, "--repository") : find(settings(), System.getenv());
    }

    static URI find(List<Path> settings, Map<String, String> environment) throws IOException {
        for (Path file : settings) {
            if (Files.isRegularFile(file)) {
                Optional<String> mirror = mirror(file);
                if (mirror.isPresent()) {
                    return address(resolve(mirror.get(), environment), file.toString());
                }
            }
        }
        return CENTRAL;
    }

    /** The user's settings first, then the installation's. */
    private static List<Path> settings() {
        List<Path> files = new ArrayList<>();
        files.add(Path.of(System.getProperty("user.home"), ".m2", "settings.xml"));
        for (String variable : List.of("MAVEN_HOME", "M2_HOME")) {
            String home = System.getenv(variable);
            if (home != null && !home.isBlank()) {
                files.add(Path.of(home, "conf", "settings.xml"));
            }
        }
        files.add(Path.of("/usr/share/maven/conf/settings.xml"));
        return files;
    }

    private static Optional<String> mirror(Path file) throws IOException {
        NodeList mirrors = parse(file).getElementsByTagName("mirror");
        for (int i = 0; i < mirrors.getLength(); i++) {
            Element mirror = (Element) mirrors.item(i);
            if (standsForCentral(text(mirror, "mirrorOf"))
                    && !text(mirror, "blocked").equals("true")) {
                return Optional.of(text(mirror, "url"));
            }
        }
        return Optional.empty();
    }

    /** Maven's rules: a list of names, {@code *}, {@code external:*}, and {@code !name}. */
    static boolean standsForCentral(String mirrorOf) {
        boolean stands = false;
        for (String entry : mirrorOf.split(",", -1)) {
            String name = entry.strip();
            if (name.equals("!central")) {
                return false;
            }
            stands |= name.equals("central") || name.equals("*") || name.equals("external:*");
        }
        return stands;
    }

    private static Document parse(Path file) throws IOException {
        try {
            DocumentBuilderFactory factory = DocumentBuilderFactory.newInstance();
            factory.setFeature(XMLConstants.FEATURE_SECURE_PROCESSING, true);
            factory.setFeature("http://apache.org/xml/features/disallow-doctype-decl", true);
            var builder = factory.newDocumentBuilder();
            builder.setErrorHandler(null);
            return builder.parse(file.toFile());
        } catch (ParserConfigurationException | SAXException e) {
            throw new IOException(
                    file
                            + " is not valid XML ("
                            + e.getMessage()
                            + "); mend it or use --repository",
                    e);
        }
    }

    private static String text(Element parent, String name) {
        NodeList nodes = parent.getElementsByTagName(name);
        return nodes.getLength() == 0 ? "" : nodes.item(0).getTextContent().strip();
    }

    /** Replaces {@code ${env.NAME}} and {@code ${system.property}} as Maven does. */
    private static String resolve(String text, Map<String, String> environment) {
        return VARIABLE.matcher(text)
                .replaceAll(
                        m -> {
                            String value =
                                    m.group(1) != null
                                            ? environment.get(m.group(2))
                                            : System.getProperty(m.group(2));
                            return Matcher.quoteReplacement(value == null ? m.group() : value);
                        });
    }

    private static URI address(String text, String source) throws IOException {
        try {
            URI uri = URI.create(text.strip());
            if (("https".equals(uri.getScheme()) || "http".equals(uri.getScheme()))
                    && uri.getHost() != null) {
                return uri;
            }
        } catch (IllegalArgumentException ignored) {
            // Reported below like any other text that is no address.
        }
        throw new IOException(
                source + ": '" + text + "' is not the address of a repository; write https://...");
    }
}
