# SPDX-License-Identifier: Apache-2.0
# bash completion for schlossctl and schlossd; schlossctl itself knows what a word could be, names of the broker's included.
_schloss_files() {
	compopt -o filenames 2>/dev/null
	mapfile -t COMPREPLY < <(compgen "$1" -- "$2")
}
_schlossctl() {
	local i
	mapfile -t COMPREPLY < <("${COMP_WORDS[0]}" complete -- "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
	if [[ ${COMPREPLY[0]} == $'\tfiles' ]]; then
		_schloss_files -f "${COMP_WORDS[COMP_CWORD]}"
		return
	fi
	if [[ ${#COMPREPLY[@]} = 1 && ${COMPREPLY[0]} == *[/=] ]]; then # more is to come
		compopt -o nospace 2>/dev/null
	fi
	for i in "${!COMPREPLY[@]}"; do
		printf -v "COMPREPLY[i]" %q "${COMPREPLY[i]}"
	done
}
complete -F _schlossctl schlossctl

_schlossd() {
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}
	case $prev in
	-c) _schloss_files -f "$cur"; return ;;
	esac
	case ${COMP_WORDS[1]} in
	init) if [[ $cur == -* ]]; then
			mapfile -t COMPREPLY < <(compgen -W "--system --listen --advertise --admin" -- "$cur")
		else
			_schloss_files -d "$cur"
		fi ;;
	passwd) mapfile -t COMPREPLY < <(compgen -W "-c --tenant" -- "$cur") ;;
	cert) mapfile -t COMPREPLY < <(compgen -W "-c --name" -- "$cur") ;;
	restore) if [[ $cur == -* ]]; then
			mapfile -t COMPREPLY < <(compgen -W "-c" -- "$cur")
		else
			_schloss_files -d "$cur"
		fi ;;
	*) mapfile -t COMPREPLY < <(compgen -W "init passwd cert restore -c -t -T --version --help" -- "$cur") ;;
	esac
}
complete -F _schlossd schlossd
