package officialbroker

// WriteConfig writes the configuration of a broker into a folder.
func WriteConfig(root string, port int, c Config) error { return writeConfig(dirs{root}, port, c) }
