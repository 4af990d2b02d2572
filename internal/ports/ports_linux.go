package ports

import (
	"net"
	"os"
	"strconv"
	"syscall"
)

// Reserve takes a free port where address has port 0, and returns the address with it. The
// port is nobody else's until the file is closed or forgotten, though nobody listens there
// before who asks for it by its number. Where it can't be done the file is nil.
func Reserve(address string) (taken string, port *os.File) {
	addr, err := net.ResolveTCPAddr("tcp", address)
	if err != nil || addr.Port != 0 || addr.IP.To4() == nil || addr.IP.IsUnspecified() {
		return address, nil
	}
	syscall.ForkLock.RLock()
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	if err == nil {
		syscall.CloseOnExec(fd)
	}
	syscall.ForkLock.RUnlock()
	if err != nil {
		return address, nil
	}
	port = os.NewFile(uintptr(fd), "reserved port")
	bound, err := bind(fd, addr.IP)
	if err != nil {
		_ = port.Close()
		return address, nil
	}
	return net.JoinHostPort(addr.IP.String(), strconv.Itoa(bound)), port
}

// bind gives a socket a free port, which those who ask for it by its number may have too.
func bind(fd int, ip net.IP) (port int, err error) {
	if err := syscall.SetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_REUSEADDR, 1); err != nil {
		return 0, err
	}
	if err := syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte(ip.To4())}); err != nil {
		return 0, err
	}
	name, err := syscall.Getsockname(fd)
	if err != nil {
		return 0, err
	}
	return name.(*syscall.SockaddrInet4).Port, nil
}
